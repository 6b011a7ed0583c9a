"""A monitor serves its detectors as signals, as its fleet file selects them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.fleet import SignalSelection, read_fleet
from fleet_contract.validation import InputError
from fleet_learning.conformance import SignalConformance
from fleet_learning.signal_provider import Snapshot, read_provider
from fleet_monitor.autoencoder import AutoencoderShape
from fleet_monitor.dynamics import DynamicsShape
from fleet_monitor.monitor import new_monitor, read_monitor, write_monitor
from fleet_monitor.watch import Watch
from fleet_monitor.world_model import WorldModelConfig, new_world_model, read_world_model, write_world_model

CONFIG_FOLDER = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG_FOLDER / "tabletop.yaml")
CONTRACT = FLEET.contract()
KINDS = ("reconstruction", "spread", "distillation")
TINY = WorldModelConfig(
    AutoencoderShape(64, 64, filters=(8, 8), strides=(4, 4), map_channels=8, dense=16),
    DynamicsShape(embedding=16, layers=1, heads=2, context=3, horizon=2),
    futures=4,
)


def write(folder, tasks=FLEET.robots.tasks):
    """Write a monitor that has learned nothing, with thresholds for these tasks."""
    write_world_model(folder / "world.safetensors", new_world_model(TINY, seed=0), CONTRACT)
    model, digest = read_world_model(folder / "world.safetensors", CONTRACT)
    thresholds = {task: dict.fromkeys(KINDS, 0.25) for task in tasks}
    monitor = replace(new_monitor(model, KINDS, seed=0), thresholds=thresholds)
    path = folder / "monitor.safetensors"
    write_monitor(path, monitor, CONTRACT, world_model=digest, world_model_file="world.safetensors", rounds=1)
    return path


def selection(path, names=(), **options):
    return SignalSelection(provider="monitor", names=names, checkpoint=path, options=options)


class TestMonitorSignals(SignalConformance):
    contract = CONTRACT

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.path = write(tmp_path)

    def make(self):
        return read_provider(selection(self.path, every=2), FLEET)


def test_a_fleet_chooses_among_the_detectors(tmp_path):
    provider = read_provider(selection(write(tmp_path), names=("spread", "reconstruction")), FLEET)
    assert [(own.name, own.unit, own.threshold) for own in provider.signals] == [
        ("spread", "1", 1.0),
        ("reconstruction", "1", 1.0),
    ]


def test_a_watch_continues_from_the_state_of_another_one(tmp_path):
    monitor, _ = read_monitor(write(tmp_path), CONTRACT)
    one, other = (Watch(monitor, FLEET.tasks, every=2) for _ in range(2))
    generator, robots = np.random.default_rng(0), list(range(len(FLEET.tasks)))
    for tick in range(12):
        images = generator.integers(0, 256, (len(robots), 64, 64, 3), dtype=np.uint8)
        if tick == 7:
            other.restore(one.state())
        # Every robot has another episode at another tick.
        episodes = np.array([tick // (3 + robot) for robot in robots])
        found = one.update(tick, robots, episodes, images)
        if tick >= 7:
            for kind, values in other.update(tick, robots, episodes, images).items():
                np.testing.assert_array_equal(values, found[kind])


def test_values_begin_when_there_is_a_context(tmp_path):
    provider = read_provider(selection(write(tmp_path)), FLEET)
    generator = np.random.default_rng(0)
    robots, episodes = [0, 1, 2], np.zeros(3, np.int64)
    valued = []
    for tick in range(8):
        if tick == 4:
            episodes = np.array([0, 1, 0])
        images = generator.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
        values = provider.values(Snapshot(tick, robots, episodes, images, np.zeros((3, 2))))
        assert all(np.isnan(own).tolist() == np.isnan(values["spread"]).tolist() for own in values.values())
        valued.append((~np.isnan(values["spread"])).tolist())
    assert valued == [[False] * 3] * 2 + [[True] * 3] * 2 + [[True, False, True]] * 2 + [[True] * 3] * 2
    assert provider.film(1).shape == (3 * 64, 2 * 64, 3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"names": ("failure",)},
            r"monitor\.safetensors: expected detectors failure, got reconstruction, spread, distillation\.$",
        ),
        ({"every": 0}, r"^signals\.options: every: expected"),
        ({"depth": 3}, r"^signals\.options: unknown key depth, expected one of every, percentile\.$"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        read_provider(selection(write(tmp_path), **changes), FLEET)


def test_a_monitor_without_a_file_is_refused():
    with pytest.raises(InputError, match=r"^signals\.checkpoint: expected the file of a monitor, got null\.$"):
        read_provider(selection(None), FLEET)


def test_robots_with_a_task_that_the_monitor_does_not_know_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"monitor\.safetensors: tasks: expected one of push_block, got push_disc\.$"):
        read_provider(selection(write(tmp_path, tasks=("push_block",))), FLEET)
