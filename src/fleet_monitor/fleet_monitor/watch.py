"""A monitor at work: follows what the robots of a fleet observe, tick by tick.

R robots of the fleet, n robots that are observed at a tick, H image rows, W image columns or width of a latent, C channels,
T frames of context, N imagined futures, L imagined steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fleet_contract.robot import Stream
from fleet_learning.randomness import torch_generator
from fleet_monitor.foresight import Foresight
from fleet_monitor.monitor import Monitor
from fleet_monitor.vote import RecentScores

LOWEST_THRESHOLD = 1e-6
"""Scores are divided by no smaller threshold."""


class Watch:
    """Remembers the last frames of every robot, and imagines what follows, for all robots together."""

    def __init__(self, monitor: Monitor, tasks: Sequence[str], *, every: int = 1) -> None:
        """Begin without any frames.

        Args:
            monitor: the monitor.
            tasks: task of every robot of the fleet, (R,).
            every: futures of a robot are imagined at every so many-th tick; at the ticks between, its values stay.

        Raises:
            InputError: the monitor does not know a task.
        """
        self._tasks, self._every = np.array(tasks), every
        self.use(monitor)
        robots, context = len(tasks), monitor.model.config.dynamics.context
        self._latents_RTW = torch.zeros(robots, context, monitor.model.config.autoencoder.latent)
        self._frames_R = np.zeros(robots, np.int64)
        self._episodes_R = np.full(robots, -1, np.int64)
        self._fresh_R = np.ones(robots, bool)
        self._recent = {own.kind: RecentScores(robots, own.vote) for own in monitor.detectors}
        self._values = {own.kind: np.full(robots, np.nan) for own in monitor.detectors}
        self._futures: dict[int, torch.Tensor] = {}

    def use(self, monitor: Monitor) -> None:
        """Score the next frames with another version of the monitor, with the same world model and kinds of detectors.

        The last frames still count, and votes mix the scores of both versions until their windows are over.

        Raises:
            InputError: the monitor does not know a task.
        """
        monitor.require(self._tasks.tolist(), "monitor")
        self._monitor = monitor
        self._thresholds = {
            kind: np.array([max(monitor.thresholds[task][kind], LOWEST_THRESHOLD) for task in self._tasks.tolist()])
            for kind in monitor.kinds
        }

    @property
    def observes(self) -> Stream:
        """What the monitor observes of the robots."""
        return self._monitor.model.config.observes

    def update(
        self, tick: int, robots: Sequence[int], episodes_n: NDArray[np.int64], observations_n: NDArray[np.generic]
    ) -> dict[str, NDArray[np.float64]]:
        """Add the observations of a tick, and return by detector the robots' scores (n,) after the vote, as multiples of their thresholds.

        Distances and probabilities of different tasks cannot be compared; their multiples can. NaN until there are enough frames of an
        episode.

        Args:
            tick: the tick; the noise of the futures depends on it alone.
            robots: indices of the robots.
            episodes_n: numbers of their episodes; another number than before begins without frames.
            observations_n: their images (n, H, W, C) or states (n, S).
        """
        rows = np.asarray(robots, np.int64)
        latents_nW = self._monitor.model.encode(observations_n)
        began_n = self._episodes_R[rows] != episodes_n
        self._episodes_R[rows] = episodes_n
        self._frames_R[rows] = np.where(began_n, 1, self._frames_R[rows] + 1)
        kept = torch.from_numpy(rows)
        self._latents_RTW[kept] = torch.cat([self._latents_RTW[kept, 1:], latents_nW[:, None]], 1)
        self._fresh_R[rows[began_n]] = True
        for values_R in self._values.values():
            values_R[rows[began_n]] = np.nan
        due_n = (rows + tick) % self._every == 0
        ready_n = due_n & (self._frames_R[rows] >= self._latents_RTW.shape[1])
        scores = {kind: np.full(len(rows), np.nan) for kind in self._recent}
        if ready_n.any():
            foresight = self._foresee(tick, rows[ready_n], observations_n[ready_n])
            for own in self._monitor.detectors:
                scores[own.kind][ready_n] = own.scores(foresight)
        due = rows[due_n]
        for kind, recent in self._recent.items():
            voted_n = recent.update(due, scores[kind][due_n], self._fresh_R[due])
            self._values[kind][due] = voted_n / self._thresholds[kind][due]
        self._fresh_R[due] = False
        return {kind: values_R[rows] for kind, values_R in self._values.items()}

    def state(self) -> dict[str, torch.Tensor]:
        """Return copies of everything that the watch remembers of the robots, by name; its monitor is not a part of it."""
        remembered = {name: torch.from_numpy(values_R.copy()) for name, values_R in self._remembered().items()}
        return {"latents": self._latents_RTW.clone(), **remembered}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Remember what another watch of the same robots did when its `state` was taken."""
        self._latents_RTW = state["latents"].clone()
        for name, values_R in self._remembered().items():
            values_R[:] = state[name].numpy()

    def _remembered(self) -> dict[str, NDArray[np.generic]]:
        return {
            "frames": self._frames_R,
            "episodes": self._episodes_R,
            "fresh": self._fresh_R,
            **{f"scores.{kind}": recent.scores_RK for kind, recent in self._recent.items()},
            **{f"values.{kind}": values_R for kind, values_R in self._values.items()},
        }

    def film(self, robot: int, futures: int) -> NDArray[np.uint8] | None:
        """Return the first imagined futures of a robot as one picture (futures H, L W, C), a row each; None if there are none.

        Futures of states are no pictures.
        """
        if robot not in self._futures or self.observes == "state":
            return None
        images_NLHWC = self._monitor.model.decode(self._futures[robot][:futures])
        rows, steps, height, width, channels = images_NLHWC.shape
        film: NDArray[np.uint8] = images_NLHWC.transpose(0, 2, 1, 3, 4).reshape(rows * height, steps * width, channels)
        return film

    def _foresee(self, tick: int, robots_n: NDArray[np.int64], observations_n: NDArray[np.generic]) -> Foresight:
        contexts_nTW = self._latents_RTW[torch.from_numpy(robots_n)]
        futures_nNLW = self._monitor.model.imagine(contexts_nTW, torch_generator(0, tick))
        self._futures = dict(zip(robots_n.tolist(), futures_nNLW, strict=True))
        tasks = tuple(self._tasks[robots_n].tolist())
        return Foresight(self._monitor.model, tasks, observations_n, contexts_nTW, futures_nNLW)
