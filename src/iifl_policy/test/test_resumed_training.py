"""A training that is cut goes on to the very bits that an uncut one gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import fleet_learning.optimization
from fleet_contract.validation import InputError
from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.scaling import fit_scaling
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig

STEPS = 9
OPTIMIZER = OptimizerConfig(batch_size=8, decay=0.5, decay_steps=4)
IMPLICIT = ImplicitConfig(
    EnergyShape(3, 2, width=8, depth=2), loss=LossConfig(sampler=Langevin(iterations=3)), optimizer=OPTIMIZER
)
CONFIGS = {
    "implicit": IMPLICIT,
    "spectral norm": replace(IMPLICIT, spectral_norm=True),
    "explicit": ExplicitConfig(ExplicitShape(3, 2, members=2, width=8), optimizer=OPTIMIZER),
}


class Cut(Exception):
    """The process ends."""


def cut_at(step):
    def on_step(done, _):
        if done == step:
            raise Cut

    return on_step


def dataset(rows=20, seed=0) -> Dataset:
    generator = np.random.default_rng(seed)
    states, actions = generator.normal(size=(rows, 3)), generator.uniform(-1, 1, (rows, 2))
    return Dataset(states.astype(np.float32), actions.astype(np.float32))


def untrained(config):
    new = new_implicit if isinstance(config, ImplicitConfig) else new_explicit
    scaling = fit_scaling(torch.from_numpy(dataset().observations_B), -torch.ones(2), torch.ones(2))
    return new(config, scaling, torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(fleet_learning.optimization, "SAVE_EVERY_STEPS", 2)


def cut_training(config, keep, step, **options):
    with pytest.raises(Cut):
        untrained(config).fit(
            dataset(), **({"steps": STEPS, "seed": 3} | options), on_step=cut_at(step), resume_path=keep
        )


@pytest.mark.parametrize("cuts", [(1,), (2,), (5,), (3, 6, 9)])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_cut_and_resumed_equals_uncut(tmp_path, config, cuts):
    keep = tmp_path / "training.safetensors"
    for step in cuts:
        cut_training(config, keep, step)
    assert keep.exists() == (cuts[-1] > 2)
    told = []
    resumed = untrained(config).fit(
        dataset(), steps=STEPS, seed=3, on_step=lambda done, _: told.append(done), resume_path=keep
    )
    uncut = untrained(config).fit(dataset(), steps=STEPS, seed=3)
    for name, tensor in uncut.policy.tensors().items():
        assert torch.equal(resumed.policy.tensors()[name], tensor), name
    assert uncut.policy.optimizer_state.moments.keys() == resumed.policy.optimizer_state.moments.keys()
    assert resumed.loss == uncut.loss
    kept = (cuts[-1] - 1) // 2 * 2  # a step that is cut has not been written down
    assert told == list(range(kept + 1, STEPS + 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [{"seed": 4}, {"steps": STEPS + 1}])
def test_another_training_is_refused_and_keeps_its_file(tmp_path, other):
    keep = tmp_path / "training.safetensors"
    cut_training(IMPLICIT, keep, 5)
    before = keep.read_bytes()
    with pytest.raises(
        InputError, match=r"training\.safetensors: found another training, allowed is the one that was cut"
    ):
        untrained(IMPLICIT).fit(dataset(), **({"steps": STEPS, "seed": 3} | other), resume_path=keep)
    with pytest.raises(InputError, match="found another training"):
        untrained(IMPLICIT).fit(dataset(seed=1), steps=STEPS, seed=3, resume_path=keep)
    assert keep.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"a text"])
def test_a_file_that_holds_no_training_is_refused(tmp_path: Path, content):
    keep = tmp_path / "training.safetensors"
    keep.write_bytes(content)
    with pytest.raises(
        InputError, match=r"training\.safetensors: found no training \(.*\), allowed is the one that was cut"
    ):
        untrained(IMPLICIT).fit(dataset(), steps=STEPS, seed=3, resume_path=keep)
