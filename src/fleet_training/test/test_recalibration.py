"""Recalibration replaces thresholds and keeps the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_pretraining import CONFIG, CONTRACT, RECIPE

from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import read_checkpoint
from fleet_training.calibration import simulated_calibration
from fleet_training.learning_setup import learning_setup
from fleet_training.pretraining import pretrain
from fleet_training.recalibration import recalibrate


@pytest.fixture
def trained(tmp_path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(RECIPE.replace("CONTRACT", str(CONFIG / "robots/push_cell.yaml")))
    pretrain(file, seed=3)
    return file


def test_another_sampler_gets_a_threshold_of_its_own(trained, capsys):
    checkpoint = read_fleet(trained).policy.checkpoint
    before, about = read_checkpoint(checkpoint, CONTRACT)
    trained.write_text(trained.read_text().replace("sampler: langevin", "sampler: uniform"))
    recalibrate(trained, [], seed=3)
    after, about_after = read_checkpoint(checkpoint, CONTRACT)
    assert "threshold (full) " in capsys.readouterr().out
    assert after.config == before.with_sampling(4, 2, "uniform").config
    assert all(torch.equal(after.tensors()[name], tensor) for name, tensor in before.tensors().items())
    new, *old = about_after.calibrations
    assert (new.decider, new.sampler, new.uncertainty) == ("full", "uniform", "jeffreys")
    assert tuple(old) == about.calibrations
    assert new == simulated_calibration(learning_setup(read_fleet(trained), ticks=0), after, "full", seed=3)
    assert (about_after.dataset, about_after.gradient_steps) == (about.dataset, about.gradient_steps)


def test_the_same_calibration_is_repeated_by_the_same_seed(trained):
    checkpoint = read_fleet(trained).policy.checkpoint
    _, about = read_checkpoint(checkpoint, CONTRACT)
    recalibrate(trained, [], seed=3)
    assert read_checkpoint(checkpoint, CONTRACT)[1].calibrations == about.calibrations


def test_robots_without_a_simulation_need_recordings(tmp_path):
    with pytest.raises(
        InputError, match=r"mobile_base\.yaml: environment\.backend: expected a simulation, or datasets"
    ):
        recalibrate(CONFIG / "mobile_base.yaml", [], seed=0)
