"""Explicit policies average the modes of a task, and their variance is large far from the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.scaling import fit_scaling
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit

LOW, HIGH = torch.tensor([-2.0, 0.0]), torch.tensor([2.0, 1.0])
CONFIG = ExplicitConfig(ExplicitShape(1, 2, width=32), optimizer=OptimizerConfig(batch_size=64, learning_rate=3e-3))


def sines(rows=400) -> Dataset:
    states = np.random.default_rng(0).uniform(-1, 1, (rows, 1))
    actions = np.concatenate([np.sin(3 * states), 0.5 + 0.3 * np.cos(3 * states)], 1)
    return Dataset(states.astype(np.float32), actions.astype(np.float32))


def untrained(dataset, config=CONFIG):
    return new_explicit(
        config, fit_scaling(torch.from_numpy(dataset.observations_B), LOW, HIGH), torch.Generator().manual_seed(0)
    )


def decide(policy, states):
    return policy.decide(np.asarray(states, dtype=float).reshape(-1, 1), torch.Generator())


@pytest.fixture(scope="module")
def trained():
    return untrained(sines()).fit(sines(), steps=600, seed=0).policy


def test_a_function_is_learned(trained):
    states = np.linspace(-0.9, 0.9, 50)
    actions = decide(trained, states).actions_NA
    np.testing.assert_allclose(actions[:, 0], np.sin(3 * states), atol=0.08)
    np.testing.assert_allclose(actions[:, 1], 0.5 + 0.3 * np.cos(3 * states), atol=0.04)


def test_two_modes_are_averaged():
    states = np.zeros((200, 1), np.float32)
    sides = np.where(np.arange(200) % 2, 1.5, -1.5)
    dataset = Dataset(states, np.stack([sides, np.full(200, 0.5)], 1).astype(np.float32))
    policy = untrained(dataset).fit(dataset, steps=300, seed=0).policy
    assert abs(decide(policy, 0).actions_NA[0, 0]) < 0.3


def test_uncertainty_is_the_variance_by_numpy(trained):
    states = np.linspace(-4, 4, 9)
    scaled = trained.scaling.states(torch.as_tensor(states, dtype=torch.float32).reshape(-1, 1))
    members = []
    for member in range(5):
        hidden = scaled.numpy().astype(np.float64)
        for layer in range(3):
            weight, bias = (trained.tensors()[f"{part}.{layer}"][member].numpy() for part in ("weights", "biases"))
            hidden = hidden @ weight + bias
            hidden = np.tanh(hidden) if layer == 2 else np.maximum(hidden, 0)
        members.append(hidden)
    decision = decide(trained, states)
    np.testing.assert_allclose(decision.uncertainties_N, np.var(members, axis=0).mean(-1), rtol=1e-4, atol=1e-7)
    mean = np.mean(members, axis=0)
    np.testing.assert_allclose(decision.actions_NA, mean * [2.0, 0.5] + [0.0, 0.5], rtol=1e-4, atol=1e-5)
    assert (decision.standard_errors_N == 0).all()


def test_uncertainty_is_larger_far_from_the_data(trained):
    near, far = (decide(trained, states).uncertainties_N for states in (np.linspace(-0.9, 0.9, 30), [-6, -4, 4, 6]))
    assert np.median(far) > 10 * np.median(near)
    assert (far <= 1).all()


def test_no_action_leaves_the_range(trained):
    actions = decide(trained, np.linspace(-1e4, 1e4, 40)).actions_NA
    assert (actions >= LOW.numpy()).all()
    assert (actions <= HIGH.numpy()).all()


def test_one_member_has_no_uncertainty():
    policy = untrained(sines(), ExplicitConfig(ExplicitShape(1, 2, members=1)))
    assert decide(policy, [-3, 0, 3]).uncertainties_N.tolist() == [0.0] * 3
