"""Makes monitors from recorded episodes: the world model, the detectors, and the thresholds of every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_learning.optimization import OnStep
from fleet_learning.randomness import torch_generator
from fleet_monitor.episode import Episode, by_task
from fleet_monitor.foresight import ForeseenEpisode, foresee_each
from fleet_monitor.monitor import Monitor, help_ratios, new_monitor, write_monitor
from fleet_monitor.rules import DEFAULT_RULE
from fleet_monitor.state_scaling import StateShape
from fleet_monitor.world_model import (
    SMALL,
    WorldModel,
    WorldModelConfig,
    monitored_stream,
    new_world_model,
    read_world_model,
    write_world_model,
)
from fleet_training.first_policy import OnProgress

WORLD_MODEL, MONITOR = "world_model.safetensors", "monitor.safetensors"
"""Names of the files in a monitor's folder."""
AUTOENCODER_STEPS, DYNAMICS_STEPS = 2500, 1500
"""Gradient steps of the two stages of the world model."""
HELD_BACK = 0.4
"""Share of every task's episodes from which the detectors do not learn, so that thresholds can be chosen from them."""


@dataclass(frozen=True)
class MonitorTraining:
    """One training of a monitor; when it was interrupted, it resumes from the files that it has left in its folder."""

    contract: RobotContract
    folder: Path
    seed: int
    config: WorldModelConfig = SMALL
    autoencoder_steps: int = AUTOENCODER_STEPS
    dynamics_steps: int = DYNAMICS_STEPS

    def world_model(self, episodes: Sequence[Episode], advance: OnProgress) -> tuple[WorldModel, str]:
        """Return the world model of the folder and the digest of its file; train and write it first, if there is none.

        Raises:
            InputError: no episode is long enough, the images do not fit the config, or the folder holds another training.
        """
        path = self.folder / WORLD_MODEL
        if path.exists():
            return read_world_model(path, self.contract)
        model = new_world_model(sized_for(self.config, self.contract), seed=self.seed)
        longest = max(len(episode.observations_F) for episode in episodes)
        needed = self.config.dynamics.context + self.config.dynamics.horizon
        if longest < needed:
            raise InputError(f"episodes: expected at least one of {needed} frames or more, got {longest} at most.")
        model, _ = model.fit_autoencoder(
            np.concatenate([episode.observations_F for episode in episodes]),
            steps=self.autoencoder_steps,
            seed=self.seed,
            on_step=_reported(advance, "autoencoder", self.autoencoder_steps),
            resume_path=self.folder / "autoencoder.resume",
        )
        model, _ = model.fit_dynamics(
            [model.encode(episode.observations_F) for episode in episodes],
            steps=self.dynamics_steps,
            seed=self.seed,
            on_step=_reported(advance, "dynamics", self.dynamics_steps),
            resume_path=self.folder / "dynamics.resume",
        )
        write_world_model(path, model, self.contract)
        return read_world_model(path, self.contract)

    def monitor(
        self, episodes: Sequence[Episode], kinds: Sequence[str], advance: OnProgress, *, optional: bool = False
    ) -> Monitor:
        """Return the monitor of these episodes, and write it into the folder.

        Args:
            episodes: episodes of all tasks.
            kinds: kinds of its detectors.
            advance: called with the progress.
            optional: whether detectors that cannot learn from these episodes are left out, possibly all of them.

        Raises:
            InputError: the folder holds another training, or a detector that is not optional finds too few episodes, failures or
                successes of a task.
        """
        model, digest = self.world_model(episodes, advance)
        learned, held_back = split(episodes, self.seed)
        foreseen = {
            part: _foreseen(model, own, self.seed, number, advance, part)
            for number, (part, own) in enumerate({"learned episodes": learned, "held-back episodes": held_back}.items())
        }
        untrained, ratios = new_monitor(model, kinds, seed=self.seed), help_ratios(foreseen["learned episodes"])
        monitor = untrained.only(())
        for kind in kinds:
            try:
                fitted = untrained.only((kind,)).fitted(foreseen["learned episodes"], seed=self.seed)
                alone = fitted.calibrated(foreseen["held-back episodes"], {kind: DEFAULT_RULE}, ratios)
            except InputError:
                if not optional:
                    raise
            else:
                monitor = monitor.beside(alone)
        path = self.folder / MONITOR
        write_monitor(path, monitor, self.contract, world_model=digest, world_model_file=WORLD_MODEL, rounds=1)
        return monitor


def split(episodes: Sequence[Episode], seed: int) -> tuple[list[Episode], list[Episode]]:
    """Return the episodes to learn from, and those that are held back for thresholds, of every task at random."""
    generator = np.random.default_rng(seed)
    learned: list[Episode] = []
    held_back: list[Episode] = []
    for own in by_task(episodes).values():
        # Failures and successes in the same shares.
        for end in ("success", "failure", "truncated"):
            same = [episode for episode in own if episode.events.end == end]
            order = generator.permutation(len(same)).tolist()
            count = round(len(same) * HELD_BACK)
            held_back += [same[index] for index in order[:count]]
            learned += [same[index] for index in order[count:]]
    return learned, held_back


def sized_for(config: WorldModelConfig, contract: RobotContract) -> WorldModelConfig:
    """Return the config for what robots of a contract observe: the images of their camera, or their states.

    Raises:
        InputError: the config is of states and the robots have a camera, or its strides do not divide the size of the images.
    """
    if monitored_stream(contract) == "state":
        return replace(config, autoencoder=StateShape(contract.state_dim))
    if isinstance(config.autoencoder, StateShape):
        raise InputError(f"robot {contract.robot}: expected a world model of images, got one of states.")
    height, width, channels = contract.observed_shape("camera")
    try:
        sized = replace(config.autoencoder, height=height, width=width, channels=channels)
    except ValueError as error:
        raise InputError(f"robot {contract.robot}: observation.camera: {error}.") from None
    return replace(config, autoencoder=sized)


def _foreseen(
    model: WorldModel, episodes: Sequence[Episode], seed: int, number: int, advance: OnProgress, part: str
) -> list[ForeseenEpisode]:
    foreseen: list[ForeseenEpisode] = []
    advance(part, 0, len(episodes))
    for one in foresee_each(model, episodes, torch_generator(seed, number)):
        foreseen.append(one)
        advance(part, len(foreseen), len(episodes))
    advance(part, len(episodes), len(episodes))
    return foreseen


def _reported(advance: OnProgress, stage: str, steps: int) -> OnStep:
    def on_step(done: int, _: Mapping[str, float]) -> None:
        advance(stage, done, steps)

    return on_step
