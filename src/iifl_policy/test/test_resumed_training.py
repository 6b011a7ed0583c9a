"""An interrupted training resumes and ends with the same bits as an uninterrupted one."""

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


class Interrupted(Exception):
    """The end of the process."""


def interrupt_at(step):
    def on_step(done, _):
        if done == step:
            raise Interrupted

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


def interrupted_training(config, path, step, **options):
    with pytest.raises(Interrupted):
        untrained(config).fit(
            dataset(), **({"steps": STEPS, "seed": 3} | options), on_step=interrupt_at(step), resume_path=path
        )


@pytest.mark.parametrize("interruptions", [(1,), (2,), (5,), (3, 6, 9)])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, config, interruptions):
    path = tmp_path / "training.safetensors"
    for step in interruptions:
        interrupted_training(config, path, step)
    assert path.exists() == (interruptions[-1] > 2)
    reported = []
    resumed = untrained(config).fit(
        dataset(), steps=STEPS, seed=3, on_step=lambda done, _: reported.append(done), resume_path=path
    )
    uninterrupted = untrained(config).fit(dataset(), steps=STEPS, seed=3)
    for name, tensor in uninterrupted.policy.tensors().items():
        assert torch.equal(resumed.policy.tensors()[name], tensor), name
    assert uninterrupted.policy.optimizer_state.moments.keys() == resumed.policy.optimizer_state.moments.keys()
    assert resumed.loss == uninterrupted.loss
    saved = (interruptions[-1] - 1) // 2 * 2  # every second step is saved, but not the interrupted one
    assert reported == list(range(saved + 1, STEPS + 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [{"seed": 4}, {"steps": STEPS + 1}])
def test_another_training_is_refused_and_its_file_remains(tmp_path, other):
    path = tmp_path / "training.safetensors"
    interrupted_training(IMPLICIT, path, 5)
    before = path.read_bytes()
    with pytest.raises(
        InputError, match=r"training\.safetensors: expected the interrupted training or no file, got another training"
    ):
        untrained(IMPLICIT).fit(dataset(), **({"steps": STEPS, "seed": 3} | other), resume_path=path)
    with pytest.raises(InputError, match="got another training"):
        untrained(IMPLICIT).fit(dataset(seed=1), steps=STEPS, seed=3, resume_path=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"a text"])
def test_a_file_that_holds_no_training_is_refused(tmp_path: Path, content):
    path = tmp_path / "training.safetensors"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"training\.safetensors: expected the interrupted training, got no training \(.*\)\."
    ):
        untrained(IMPLICIT).fit(dataset(), steps=STEPS, seed=3, resume_path=path)
