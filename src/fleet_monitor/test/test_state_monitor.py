"""Monitors of robots without a camera work with the robots' states."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from moving_dot import CONFIG, CONTEXT, HORIZON, angles

from fleet_contract.fleet import SignalSelection, read_fleet
from fleet_contract.validation import InputError
from fleet_learning.conformance import SignalConformance
from fleet_learning.labels import EpisodeEvents
from fleet_learning.signal_provider import read_provider
from fleet_monitor.episode import Episode
from fleet_monitor.foresight import foresee
from fleet_monitor.monitor import kinds_of, new_monitor, write_monitor
from fleet_monitor.state_scaling import StateScaling, StateShape
from fleet_monitor.thresholds import FixedPercentile
from fleet_monitor.watch import Watch
from fleet_monitor.world_model import new_world_model, read_world_model, write_world_model

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/ant_100.yaml")
CONTRACT = FLEET.contract()
KINDS = kinds_of("state")
PLACES = replace(CONFIG, autoencoder=StateShape(3))
"""A world model of the dot's place and of a third number that never changes."""


def states(angles_F: np.ndarray) -> np.ndarray:
    """Places (F, 3) of the moving dot, with different units and an offset."""
    return np.stack([5 * np.cos(angles_F) + 20, 0.01 * np.sin(angles_F), np.full(len(angles_F), 7.0)], 1)


def runs(count, frames, seed):
    generator = np.random.default_rng(seed)
    return [states(angles(frames, generator)) for _ in range(count)]


@pytest.fixture(scope="module")
def model():
    seen = runs(40, 20, seed=0)
    standardised, error = new_world_model(PLACES, seed=0).fit_autoencoder(np.concatenate(seen), steps=1, seed=0)
    assert error == 0.0
    trained, _ = standardised.fit_dynamics([standardised.encode(own) for own in seen], steps=200, seed=0)
    return trained


def test_latents_are_standardised_states(model):
    seen = np.concatenate(runs(40, 20, seed=0))
    latents = model.encode(seen).numpy()
    np.testing.assert_allclose(latents.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(latents.std(0), [1, 1, 0], atol=1e-3)
    np.testing.assert_allclose(model.autoencoder.decode(torch.from_numpy(latents)), seen, rtol=1e-4, atol=1e-5)


def test_imagined_states_are_nearer_to_the_future_than_the_last_one(model):
    unseen = np.stack(runs(30, CONTEXT + HORIZON, seed=1))
    latents = model.encode(unseen.reshape(-1, 3)).view(len(unseen), CONTEXT + HORIZON, -1)
    past, future = latents[:, :CONTEXT], latents[:, CONTEXT:]
    imagined = model.imagine(past, torch.Generator().manual_seed(0))
    errors_L = (imagined - future[:, None]).square().mean((0, 1, 3))
    assert (errors_L < 0.3 * (past[:, -1:] - future).square().mean((0, 2))).all()


def test_dots_on_another_circle_are_novel(model):
    generator = np.random.default_rng(2)
    calm = np.zeros(24, bool)

    def episodes(radius):
        centre = np.array([20, 0, 7])
        return [
            Episode(
                "dot",
                centre + radius * (states(angles(24, generator)) - centre),
                EpisodeEvents(calm, calm, "success"),
            )
            for _ in range(8)
        ]

    learned, held_back, near, far = (
        foresee(model, own, torch.Generator().manual_seed(0))
        for own in (episodes(1), episodes(1), episodes(1), episodes(2))
    )
    monitor = new_monitor(model, ("novelty",), seed=0).fitted(learned, seed=0)
    monitor = monitor.calibrated(held_back, {"novelty": FixedPercentile(99.0)}, {"dot": 0.0})
    detector = monitor.detectors[0]
    assert np.mean([np.nanmax(monitor.relative(detector, one)) > 1 for one in far]) == 1
    assert np.mean(np.concatenate([monitor.relative(detector, one) > 1 for one in near])) < 0.1


def test_states_have_neither_images_nor_detectors_of_images(model):
    assert "reconstruction" not in KINDS
    with pytest.raises(
        InputError, match=r"^detectors: expected some of failure, novelty.* with states, got reconstruction\.$"
    ):
        new_monitor(model, ("reconstruction",), seed=0)
    with pytest.raises(RuntimeError, match="no images"):
        model.decode(torch.zeros(1, 3))
    with pytest.raises(
        InputError, match=r"^states: expected shape \(3,\), as the world model has learned, got \(2,\)\.$"
    ):
        model.encode(np.zeros((5, 2)))
    monitor = replace(new_monitor(model, ("spread",), seed=0), thresholds={"dot": {"spread": 1.0}})
    watch = Watch(monitor, ("dot",))
    for tick, state in enumerate(runs(1, 8, seed=3)[0]):
        values = watch.update(tick, [0], np.zeros(1, np.int64), state[None])
    assert np.isfinite(values["spread"]).all()
    assert watch.film(0, 3) is None


class TestSignalsOfStates(SignalConformance):
    contract = CONTRACT

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path):
        world = tmp_path / "world.safetensors"
        config = replace(CONFIG, autoencoder=StateShape(CONTRACT.state_dim))
        write_world_model(world, new_world_model(config, seed=0), CONTRACT)
        read, digest = read_world_model(world, CONTRACT)
        assert isinstance(read.autoencoder, StateScaling)
        kinds = ("spread", "distillation")
        thresholds = {task: dict.fromkeys(kinds, 0.25) for task in FLEET.tasks}
        monitor = replace(new_monitor(read, kinds, seed=0), thresholds=thresholds)
        self.path = tmp_path / "monitor.safetensors"
        write_monitor(self.path, monitor, CONTRACT, world_model=digest, world_model_file=world.name, rounds=1)

    def make(self):
        provider = read_provider(SignalSelection(provider="monitor", checkpoint=self.path), FLEET)
        assert provider.observes == "state"
        return provider
