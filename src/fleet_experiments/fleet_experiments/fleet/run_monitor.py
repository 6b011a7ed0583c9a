"""The monitor of a run: its signals, what its detectors learn from, and its versions, as in the nodes of a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from torch import Tensor

from fleet_contract.fleet import Fleet, SignalSelection
from fleet_experiments.fleet.recorded_signals import RecordedSignals
from fleet_learning.robot_steps import RobotSteps
from fleet_learning.version_folder import FIRST_TRAINED_VERSION, VersionFolder
from fleet_monitor.monitor_learner import MonitorLearner
from fleet_monitor.monitor_signals import MonitorOptions
from fleet_training.monitor_training import MONITOR

FOLDER, PREFIX = "monitor", "monitor."
"""Folder of the monitor's versions in that of a run, and the beginning of the names of its tensors."""


def monitor_selection(kinds: tuple[str, ...], folder: Path, *, learns: bool) -> SignalSelection:
    """Return the selection of the detectors of these kinds of a run's first monitor; `folder` is that of the run."""
    return SignalSelection(provider="monitor", names=kinds, checkpoint=folder / FOLDER / MONITOR, learns=learns)


class RunMonitor:
    """A monitor whose versions learn from the rounds of a run; an interrupted run resumes with its recorded values."""

    def __init__(
        self, fleet: Fleet, kinds: tuple[str, ...], folder: Path, seed: int, saved: Mapping[str, Tensor]
    ) -> None:
        """Begin with the run's first monitor.

        Args:
            fleet: the fleet of the run.
            kinds: kinds of the detectors.
            folder: folder of the run.
            seed: seed of the run.
            saved: tensors of an interrupted run, which may be others.
        """
        self._fleet, self._seed = fleet, seed
        self.kinds = kinds
        """Kinds of the detectors."""
        self.signals = RecordedSignals.read(monitor_selection(kinds, folder, learns=True), MonitorOptions(), fleet)
        """Provides the signals of the newest version."""
        self.join = RobotSteps(fleet.robots.count)
        """Joins what arrives of the running round."""
        self._learner = cast("MonitorLearner", self.signals.learner())
        self._versions = VersionFolder(folder / FOLDER, FIRST_TRAINED_VERSION)
        own = {name.removeprefix(PREFIX): tensor for name, tensor in saved.items() if name.startswith(PREFIX)}
        if own:
            self.signals.restore(own)

    def learn(self, since: int, due: int) -> None:
        """Make the version that is due from the round of the ticks since <= t < due, and use it from now on."""
        # As the trainer's node names and seeds its versions.
        version = self._fleet.version_due(due)
        path = self._versions.file(version)
        steps = self.join.take_between(since, due)
        digest = self._learner.learn(steps, path, seed=self._seed + version, advance=lambda _: None)
        self.signals.update(path, digest)

    def tensors(self) -> dict[str, Tensor]:
        """Return what an interrupted run resumes from, by name."""
        return {f"{PREFIX}{name}": tensor for name, tensor in self.signals.tensors().items()}
