"""How a trainer is: idle, or so far."""

from __future__ import annotations

from collections.abc import Mapping

from fleet_common.health import Check, Level


class TrainerHealth:
    """Hears of every training and its steps."""

    def __init__(self, steps: int) -> None:
        """`steps` are those of one training."""
        self._steps = steps
        self._progress: tuple[int, Mapping[str, float]] | None = None
        self._failure = ""

    def began(self) -> None:
        """A training begins."""
        self._progress = 0, {}

    def stepped(self, done: int, measures: Mapping[str, float]) -> None:
        """So many gradient steps are done. May be called from the thread that trains."""
        self._progress = done, measures

    def ended(self) -> None:
        """The training is done."""
        self._progress = None

    def failed(self, why: str) -> None:
        """The training is over, without a new version."""
        self._failure = why

    def check(self, *, version: int, pairs: int, shown: int, update_ticks: tuple[int, ...]) -> Check:
        """As operators are told.

        Args:
            version: the newest one.
            pairs: observations and actions of the newest training set.
            shown: how many of them humans have shown.
            update_ticks: when trainings begin.
        """
        values: dict[str, str | float] = {"version": version, "pairs": pairs, "pairs that humans showed": shown}
        progress = self._progress
        if progress:
            done, measures = progress
            values |= {"step": done, "steps": self._steps, **{f"{name} (1)": value for name, value in measures.items()}}
        if self._failure:
            return Check("training", Level.ERROR, f"version {version + 1} failed: {self._failure}", values)
        if progress:
            return Check("training", Level.OK, f"version {version + 1}: step {progress[0]} of {self._steps}", values)
        due = update_ticks[version - 1 : version]
        return Check("training", Level.OK, f"idle until tick {due[0]}" if due else "idle: no more are due", values)
