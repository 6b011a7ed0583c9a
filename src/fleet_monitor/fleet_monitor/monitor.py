"""Monitors: a world model, the detectors that share its imagination, and the thresholds of every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.optimization import OnStep
from fleet_learning.tensor_file import parsed, read_tensors, write_tensors
from fleet_monitor.detector import Detector
from fleet_monitor.distillation import DistillationDetector
from fleet_monitor.episode import by_task, calm, help_ratio
from fleet_monitor.failure_detector import FailureDetector
from fleet_monitor.foresight import ForeseenEpisode
from fleet_monitor.novelty import NoveltyDetector
from fleet_monitor.reconstruction import ReconstructionDetector
from fleet_monitor.spread import SpreadDetector
from fleet_monitor.thresholds import Threshold
from fleet_monitor.world_model import WorldModel, read_world_model, require_world_model

FORMAT = "fleet-monitor-1"
"""Format name and version, in the header of every monitor's file."""
FIREWORK = ("failure", "novelty")
"""Detectors of the paper, in the order in which they call a human."""
DETECTORS: Mapping[str, type[Detector]] = {
    detector.kind: detector
    for detector in (
        FailureDetector,
        NoveltyDetector,
        ReconstructionDetector,
        SpreadDetector,
        DistillationDetector,
    )
}
"""All detectors by kind."""


@dataclass(frozen=True)
class Monitor:
    """Foresees which robots will need a human. Immutable: learning and calibration return another one."""

    model: WorldModel
    detectors: tuple[Detector, ...]
    """In the order in which they call a human."""
    thresholds: Mapping[str, Mapping[str, float]]
    """By task and kind of detector: score above which a robot asks for help."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the detectors."""
        return tuple(detector.kind for detector in self.detectors)

    def fitted(self, episodes: Sequence[ForeseenEpisode], *, seed: int, on_step: OnStep | None = None) -> Monitor:
        """Return the monitor whose detectors have also learned from the episodes of a round (`Detector.fitted`).

        Raises:
            InputError: there are too few episodes for the first round of a task.
        """
        detectors = tuple(detector.fitted(episodes, seed=seed, on_step=on_step) for detector in self.detectors)
        return replace(self, detectors=detectors)

    def calibrated(
        self, episodes: Sequence[ForeseenEpisode], rules: Mapping[str, Threshold], help_ratios: Mapping[str, float]
    ) -> Monitor:
        """Return the monitor with thresholds from episodes of which its detectors have not learned.

        Args:
            episodes: episodes of all tasks. Frames of those that succeeded count, unless a human drove or was needed soon. If none
                of a task succeeded, such frames of all its episodes count.
            rules: how thresholds are chosen, by kind of detector.
            help_ratios: by task, share of the last round's frames at which a human drove, 0 to 1.

        Raises:
            InputError: there are too few such episodes of a task.
        """
        thresholds: dict[str, dict[str, float]] = {}
        for task, own in by_task(episodes).items():
            thresholds[task] = {}
            for detector in self.detectors:
                scores = [np.where(one.normal_F, self.voted(detector, one), np.nan) for one in calm(own)]
                try:
                    chosen = rules[detector.kind].choose(scores, help_ratios[task])
                except InputError as error:
                    raise InputError(f"{detector.kind}: task {task}: {error}") from None
                thresholds[task][detector.kind] = chosen
        return replace(self, thresholds={**self.thresholds, **thresholds})

    def voted(self, detector: Detector, foreseen: ForeseenEpisode) -> NDArray[np.float64]:
        """Return the scores (F,) of an episode's frames after the detector's vote; NaN where there is none."""
        return detector.vote.over_episode(foreseen.over_frames(detector.scores(foreseen.foresight)))

    def relative(self, detector: Detector, foreseen: ForeseenEpisode) -> NDArray[np.float64]:
        """Return the same as multiples of the threshold of the episode's task."""
        return self.voted(detector, foreseen) / self.thresholds[foreseen.task][detector.kind]

    def only(self, kinds: Sequence[str]) -> Monitor:
        """Return the monitor with some of its detectors, in this order."""
        detectors = {own.kind: own for own in self.detectors}
        return replace(self, detectors=tuple(detectors[kind] for kind in kinds))

    def beside(self, other: Monitor) -> Monitor:
        """Return the monitor with the detectors and thresholds of another one with the same world model as well, behind its own."""
        tasks = {**self.thresholds, **other.thresholds}
        thresholds = {task: {**self.thresholds.get(task, {}), **other.thresholds.get(task, {})} for task in tasks}
        return replace(self, detectors=self.detectors + other.detectors, thresholds=thresholds)

    def scaled(self, factor: float) -> Monitor:
        """Return the monitor with all thresholds multiplied by a factor."""
        thresholds = {
            task: {kind: factor * threshold for kind, threshold in own.items()} for task, own in self.thresholds.items()
        }
        return replace(self, thresholds=thresholds)

    def require(self, tasks: Sequence[str], owner: str) -> None:
        """Refuse robots with tasks for which there are no thresholds.

        Args:
            tasks: tasks of the robots.
            owner: what the monitor was read from.

        Raises:
            InputError: a task is unknown.
        """
        for task in tasks:
            if task not in self.thresholds:
                raise InputError(f"{owner}: tasks: expected one of {', '.join(self.thresholds)}, got {task}.")


def kinds_of(observes: Stream) -> tuple[str, ...]:
    """Return the kinds of detectors that can score these observations."""
    return tuple(kind for kind, detector in DETECTORS.items() if observes == "camera" or not detector.needs_images)


def new_monitor(model: WorldModel, kinds: Sequence[str], *, seed: int) -> Monitor:
    """Return a monitor whose detectors have seen nothing, without thresholds.

    Raises:
        InputError: there is no such detector, or it needs images and the world model has learned states.
    """
    for kind in kinds:
        if kind in DETECTORS and kind not in kinds_of(model.config.observes):
            raise InputError(f"detectors: expected some of {', '.join(kinds_of('state'))} with states, got {kind}.")
    return Monitor(model, tuple(_kind(kind).untrained(model, seed) for kind in kinds), {})


def help_ratios(episodes: Sequence[ForeseenEpisode]) -> dict[str, float]:
    """Return by task the share of all frames at which a human drove, p_H."""
    return {task: help_ratio(own) for task, own in by_task([one.episode for one in episodes]).items()}


class DetectorMetadata(StrictModel):
    """Describes one detector in a monitor's file."""

    kind: str
    config: dict[str, Any]


class MonitorMetadata(StrictModel):
    """Describes the monitor in a file."""

    robot: str
    """Robot type of the contract."""
    contract: str
    """Digest of the contract."""
    world_model: str
    """Digest of the world model's file."""
    world_model_file: str
    """Name of that file, which lies in the same folder."""
    detectors: tuple[DetectorMetadata, ...]
    thresholds: dict[str, dict[str, float]]
    """By task and kind of detector."""
    rounds: int = Field(ge=1)
    """Rounds of episodes that the detectors have learned from."""


def write_monitor(
    path: Path, monitor: Monitor, contract: RobotContract, *, world_model: str, world_model_file: str, rounds: int
) -> str:
    """Write a monitor, whole or not at all, and return the digest of its file.

    Args:
        path: the file, in the folder of the world model's.
        monitor: the monitor.
        contract: contract of the robots.
        world_model: digest of the world model's file.
        world_model_file: name of that file.
        rounds: rounds of episodes that the detectors have learned from.
    """
    metadata = MonitorMetadata(
        robot=contract.robot,
        contract=contract.digest,
        world_model=world_model,
        world_model_file=world_model_file,
        detectors=tuple(
            DetectorMetadata(kind=own.kind, config=own.config.model_dump(mode="json")) for own in monitor.detectors
        ),
        thresholds={task: dict(own) for task, own in monitor.thresholds.items()},
        rounds=rounds,
    )
    tensors = {f"{own.kind}.{name}": tensor for own in monitor.detectors for name, tensor in own.tensors().items()}
    return write_tensors(path, tensors, metadata.model_dump_json(), kind=FORMAT)


def read_monitor(path: Path, contract: RobotContract, *, digest: str | None = None) -> tuple[Monitor, MonitorMetadata]:
    """Read a monitor and its metadata; its world model lies beside it.

    Args:
        path: the file.
        contract: contract of the robots.
        digest: expected sha256 of the file, hexadecimal; None accepts any.

    Raises:
        InputError: a file is missing, truncated, modified or of another kind, was made for another contract, or belongs to another
            world model; or there is no such detector.
    """
    tensors, about = read_tensors(path, kind=FORMAT, digest=digest)
    metadata = validated(parsed(about), MonitorMetadata, source=f"{path} (about)")
    contract.require_same(metadata.contract, owner=str(path))
    model, model_digest = read_world_model(path.with_name(metadata.world_model_file), contract)
    require_world_model(metadata.world_model, model_digest, owner=str(path))
    detectors = []
    for own in metadata.detectors:
        kind, prefix = _kind(own.kind), f"{own.kind}."
        config = validated(own.config, kind.Config, source=f"{path} (about): {own.kind}")
        parts = {name.removeprefix(prefix): part for name, part in tensors.items() if name.startswith(prefix)}
        try:
            detectors.append(kind.restored(config, parts, model))
        except (KeyError, RuntimeError):
            raise InputError(f"{path}: {own.kind}: expected the tensors of its config, got others.") from None
    return Monitor(model, tuple(detectors), metadata.thresholds), metadata


def _kind(kind: str) -> type[Detector]:
    if kind not in DETECTORS:
        raise InputError(f"detectors: expected some of {', '.join(DETECTORS)}, got {kind}.")
    return DETECTORS[kind]
