"""Health check of a trainer: idle, or the progress of its training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from fleet_common.health import Check, Level


class TrainerHealth:
    """Checks the progress of the training that is running."""

    def __init__(self, steps: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Start idle; `steps` is the number of steps of one training or None, `clock` returns the time, s."""
        self._steps = steps
        self._clock = clock
        self._started_s = 0.0
        self._progress: tuple[int, Mapping[str, float]] | None = None
        self._failure = ""

    def started(self) -> None:
        """Record that a training has started."""
        self._started_s = self._clock()
        self._progress = 0, {}

    def stepped(self, done: int, measures: Mapping[str, float]) -> None:
        """Record the steps taken so far. May be called from the training thread."""
        self._progress = done, measures

    def ended(self) -> None:
        """Record that the training is complete."""
        self._progress = None

    def failed(self, reason: str) -> None:
        """Record that the training has ended without a new version."""
        self._failure = reason

    def step_of(self, done: int) -> str:
        """Return in words how many steps are done."""
        return f"step {done}" if self._steps is None else f"step {done} of {self._steps}"

    def check(self, version: int, content: Mapping[str, float], update_ticks: tuple[int, ...]) -> Check:
        """Return the check.

        Args:
            version: the newest version.
            content: sizes of what it was trained on, by name.
            update_ticks: ticks at which trainings are due.
        """
        values: dict[str, str | float] = {"version": version, **content}
        progress = self._progress
        if progress:
            done, measures = progress
            values |= {"step": done} | ({} if self._steps is None else {"steps": self._steps})
            values |= {f"{name} (1)": value for name, value in measures.items()}
        if self._failure:
            return Check("training", Level.ERROR, f"version {version + 1} failed: {self._failure}", values)
        if progress:
            done = progress[0]
            left = f", {self._left_s(done, self._steps):.0f} s left" if done and self._steps else ""
            return Check("training", Level.OK, f"version {version + 1}: {self.step_of(done)}{left}", values)
        due = update_ticks[version - 1 : version]
        return Check(
            "training", Level.OK, f"idle until tick {due[0]}" if due else "idle: no more trainings are due", values
        )

    def _left_s(self, done: int, steps: int) -> float:
        """Return the time that the remaining steps take if they take as long as those that are done, s."""
        return (self._clock() - self._started_s) / done * (steps - done)
