"""Policies whose units were only exchanged merge to the policy that each of them is.

E ensemble members.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fleet_learning.dataset import empty_dataset, new_dataset
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.optimization import OptimizerState
from fleet_learning.scaling import Scaling
from fleet_learning.state_encoder import StateEncoderShape
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.uniform import Uniform
from policy_merge.alignment import AlignmentConfig
from policy_merge.averaging import averaged
from policy_merge.merging import METHODS, merge

ALIGNMENT = AlignmentConfig(epochs=2, steps=3)
MEMBERS, ACTION_DIM = 2, 2
CAMERA = ImageEncoderShape(12, 14, 3, (4, 5, 3))


def explicit(encoder=None, seed=0):
    shape = ExplicitShape(encoder.features if encoder else 4, ACTION_DIM, members=MEMBERS, width=12)
    config = ExplicitConfig(shape, encoder=encoder)
    return new_explicit(config, scaling(encoder), torch.Generator().manual_seed(seed))


def implicit(encoder=None, seed=0):
    shape = EnergyShape(encoder.features if encoder else 4, ACTION_DIM, members=MEMBERS, width=12, depth=2)
    config = ImplicitConfig(shape, encoder=encoder, sampler=Uniform(), chains=32)
    return new_implicit(config, scaling(encoder), torch.Generator().manual_seed(seed))


def scaling(encoder):
    channels = encoder.channels if isinstance(encoder, ImageEncoderShape) else 4
    return Scaling(torch.zeros(channels), torch.ones(channels), -torch.ones(ACTION_DIM), torch.ones(ACTION_DIM))


POLICIES = {
    "explicit": explicit,
    "explicit, camera": lambda: explicit(CAMERA),
    "implicit": implicit,
    "implicit, state layers": lambda: implicit(StateEncoderShape(4, 12, 2)),
    "implicit, camera": lambda: implicit(CAMERA),
}


def pairs(policy, seed, count=150):
    random, shape = np.random.default_rng(seed), policy.config.observed_shape
    observed_B = random.integers(0, 4, (count, *shape)) if len(shape) == 3 else random.normal(size=(count, *shape))
    return new_dataset(observed_B, random.uniform(-1, 1, (count, ACTION_DIM)))


def exchanged(policy, seed):
    """The same policy, with the units of every member in other places."""
    symmetries, generator = policy.member_network.symmetries, torch.Generator().manual_seed(seed)
    members = [
        symmetries.reordered(
            {name: own[member : member + 1] for name, own in policy.tensors().items()}, symmetries.random(generator)
        )
        for member in range(MEMBERS)
    ]
    tensors = {name: torch.cat([own[name] for own in members]) for name in policy.tensors()}
    return policy.with_state(tensors, OptimizerState())


def decided(policy, shown):
    return policy.decide(shown.observations_B, torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kind", POLICIES)
@pytest.mark.parametrize("method", ["activations", "regression_mean"])
def test_three_policies_with_exchanged_units_are_one_policy(kind, method):
    policy = POLICIES[kind]()
    policies = [policy, exchanged(policy, 1), exchanged(policy, 2)]
    data = [pairs(policy, seed) for seed in range(3)]
    merged = merge(policies, data, METHODS[method], seed=0, alignment=ALIGNMENT)
    expected = decided(policy, data[0])
    found = decided(policy.with_state(merged.tensors, OptimizerState()), data[0])
    np.testing.assert_allclose(found.actions_NA, expected.actions_NA, rtol=1e-2, atol=2e-3)
    np.testing.assert_allclose(found.uncertainties_N, expected.uncertainties_N, rtol=0.05, atol=1e-3)
    average = merge(policies, data, METHODS["average"], seed=0, alignment=ALIGNMENT)
    other = decided(policy.with_state(average.tensors, OptimizerState()), data[0])
    assert (
        np.abs(other.actions_NA - expected.actions_NA).max() > 10 * np.abs(found.actions_NA - expected.actions_NA).max()
    )
    assert max(merged.moved) > 0.5
    assert (merged.gram_bytes > 0) == (method == "regression_mean")


@pytest.mark.parametrize("method", METHODS)
def test_every_step_is_counted_and_equal_seeds_merge_equally(method):
    policies = [explicit(seed=1), explicit(seed=2)]
    data = [pairs(policies[0], seed) for seed in range(2)]
    steps = []
    first, second = (
        merge(policies, data, METHODS[method], seed=3, alignment=ALIGNMENT, advance=lambda *step: steps.append(step))
        for _ in range(2)
    )
    assert all(torch.equal(first.tensors[name], own) for name, own in second.tensors.items())
    assert first.tensors.keys() == policies[0].tensors().keys()
    assert all(done <= total for done, total in steps)
    assert bool(steps) == METHODS[method].needs_data
    assert not steps or steps[-1][0] == steps[-1][1]


def test_members_are_merged_one_by_one():
    policies = [explicit(seed=1), explicit(seed=2)]
    data = [pairs(policies[0], seed) for seed in range(2)]
    whole = merge(policies, data, METHODS["regression_mean"], seed=0, alignment=ALIGNMENT)
    changed = {name: own.clone() for name, own in policies[1].tensors().items()}
    for own in changed.values():
        own[1] += 1
    other = [policies[0], policies[1].with_state(changed, OptimizerState())]
    again = merge(other, data, METHODS["regression_mean"], seed=0, alignment=ALIGNMENT)
    for name, own in whole.tensors.items():
        assert torch.equal(again.tensors[name][0], own[0])
        assert not torch.equal(again.tensors[name][1], own[1])


@pytest.mark.parametrize("method", [name for name, own in METHODS.items() if not own.needs_data])
def test_methods_without_data_need_none(method):
    policies = [implicit(seed=1), implicit(seed=2)]
    none = empty_dataset((4,), ACTION_DIM)
    merged = merge(policies, [none, none], METHODS[method], seed=0, alignment=ALIGNMENT)
    shown = [pairs(policies[0], seed) for seed in range(2)]
    with_data = merge(policies, shown, METHODS[method], seed=0, alignment=ALIGNMENT)
    assert all(torch.equal(with_data.tensors[name], own) for name, own in merged.tensors.items())
    if method == "average":
        expected = averaged([policy.tensors() for policy in policies])
        assert all(torch.equal(merged.tensors[name], own) for name, own in expected.items())
