"""Collects the attempts of all robots while the fleet runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_learning.attempt import Attempt
from fleet_learning.labels import EpisodeEvents
from fleet_learning.robot_steps import RobotStep


@dataclass(frozen=True)
class EndedAttempt:
    """An attempt that has ended. F frames."""

    robot: int
    """Index of the robot."""
    steps: Sequence[RobotStep]
    """Its frames, at least one."""
    events: EpisodeEvents
    """What happened at the frames."""

    @property
    def observations_F(self) -> NDArray[np.generic]:  # noqa: N802 - shape suffix
        """Observations at the frames: states (F, S) or images (F, H, W, C)."""
        return np.stack([step.observation for step in self.steps if step.observation is not None])


class Attempts:
    """Divides the steps of rounds into attempts, each of which belongs to the round in which it ends."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[int, Attempt[RobotStep]]] = {}

    def ended(self, steps: Sequence[RobotStep]) -> list[EndedAttempt]:
        """Return the attempts that end with the steps of a round, sorted by robot and time; the others continue in the next round.

        Args:
            steps: the steps of the round, sorted by robot and tick.
        """
        ended: list[EndedAttempt] = []

        def end(robot: int, attempt: Attempt[RobotStep], *, followed: bool) -> None:
            if attempt.frames:
                ended.append(EndedAttempt(robot, attempt.frames, attempt.events(followed=followed)))

        for step in steps:
            number, attempt = self._running.pop(step.robot, (step.episode, Attempt()))
            if number != step.episode:
                end(step.robot, attempt, followed=True)
                attempt = Attempt()
            attempt.add(
                step,
                step.kind,
                human=step.human,
                violated=step.violated,
                succeeded=step.succeeded,
                broken=step.broken,
                dismissed=step.dismissed,
            )
            if step.over or step.broken:
                end(step.robot, attempt, followed=step.over)
            else:
                self._running[step.robot] = step.episode, attempt
        return ended
