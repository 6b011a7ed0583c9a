"""A monitor as a provider of signals. n robots that are observed at a tick."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import override

from fleet_contract.fleet import Fleet, SignalSelection
from fleet_contract.robot import Stream
from fleet_contract.validation import InputError, StrictModel
from fleet_learning.signal_provider import SignalDescription, SignalProvider, Snapshot
from fleet_monitor.monitor import read_monitor
from fleet_monitor.monitor_learner import MonitorLearner
from fleet_monitor.rules import DEFAULT_RULE, adaptive_if_possible, same_for_all
from fleet_monitor.thresholds import FixedPercentile
from fleet_monitor.watch import Watch

FILM_FUTURES = 3
"""Imagined futures that people are shown, of all that are imagined."""


class MonitorOptions(StrictModel):
    """What `options` of a monitor may hold."""

    every: int = Field(default=1, ge=1)
    """Futures of a robot are imagined at every so many-th tick."""
    percentile: Annotated[float, Field(ge=0, le=100)] | Literal["adaptive"] = DEFAULT_RULE.percentile
    """Percentile of the scores that becomes the threshold of a task after a round, if the monitor learns. adaptive: it is higher for tasks that needed
    less help, as far as at least three tasks needed different shares of it (FIREWORK, section 3.2.2)."""


class MonitorSignals(SignalProvider):
    """Publishes the scores of a monitor's detectors as multiples of their thresholds, which depend on the robot's task.

    `names` chooses the detectors; none names all of the file's.
    """

    Options: ClassVar[type[StrictModel]] = MonitorOptions

    def __init__(
        self, watch: Watch, kinds: tuple[str, ...], *, bgr: bool, learner: MonitorLearner | None = None
    ) -> None:
        self._watch, self._kinds, self._bgr, self._learner = watch, kinds, bgr, learner

    @property
    @override
    def observes(self) -> Stream:
        return self._watch.observes

    @property
    @override
    def signals(self) -> tuple[SignalDescription, ...]:
        return tuple(SignalDescription(kind, "1", 1.0) for kind in self._kinds)

    @classmethod
    @override
    def read(cls, selection: SignalSelection, options: MonitorOptions, fleet: Fleet) -> Self:
        if selection.checkpoint is None:
            raise InputError("signals.checkpoint: expected the file of a monitor, got null.")
        contract = fleet.contract()
        monitor, about = read_monitor(selection.checkpoint, contract)
        unknown = [name for name in selection.names if name not in monitor.kinds]
        if unknown:
            raise InputError(
                f"{selection.checkpoint}: expected detectors {', '.join(unknown)}, got {', '.join(monitor.kinds)}."
            )
        monitor = monitor.only(selection.names or monitor.kinds)
        monitor.require(fleet.tasks, str(selection.checkpoint))
        camera = contract.observation.camera
        watch = Watch(monitor, fleet.tasks, every=options.every)
        learner = MonitorLearner(
            selection.checkpoint,
            about,
            kinds=monitor.kinds,
            contract=contract,
            tasks=fleet.tasks,
            rules=(
                same_for_all(FixedPercentile(options.percentile))
                if isinstance(options.percentile, float)
                else adaptive_if_possible
            ),
        )
        return cls(watch, monitor.kinds, bgr=camera is not None and camera.encoding == "bgr8", learner=learner)

    @override
    def values(self, snapshot: Snapshot) -> Mapping[str, NDArray[np.float64]]:
        return self._watch.update(snapshot.tick, snapshot.robots, snapshot.episodes_n, snapshot.observations_n)

    @override
    def film(self, robot: int) -> NDArray[np.uint8] | None:
        film = self._watch.film(robot, FILM_FUTURES)
        return film if film is None or not self._bgr else film[..., ::-1]

    @override
    def learner(self) -> MonitorLearner | None:
        return self._learner

    @override
    def update(self, path: Path, digest: str) -> None:
        if self._learner is None:
            raise InputError(f"{path}: expected a monitor that was read from a file, got one that cannot learn.")
        self._watch.use(self._learner.read(path, digest))
