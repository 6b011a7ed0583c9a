"""The rule by which a robot's steps become an episode, for recordings and for running fleets alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import numpy as np

from fleet_contract.action import ActionKind
from fleet_learning.labels import EpisodeEvents

FrameT = TypeVar("FrameT")


@dataclass
class Attempt(Generic[FrameT]):
    """One attempt of a robot at its task, step by step.

    Its frames are the steps at which the robot moved, before a violation. The attempt ends in success if its last frame has
    completed the task. Otherwise it ends in failure if its last frame has caused a violation, or if another attempt follows, as at
    a time limit; and if none does, it is truncated.
    """

    frames: list[FrameT] = field(default_factory=list)
    """What stands for the frames, such as their images."""
    _human: list[bool] = field(default_factory=list)
    _dismissed: list[bool] = field(default_factory=list)
    _violated: bool = False
    _succeeded: bool = False
    _broken: bool = False

    def add(
        self,
        frame: FrameT,
        kind: ActionKind,
        *,
        human: bool,
        violated: bool,
        succeeded: bool,
        broken: bool,
        dismissed: bool = False,
    ) -> None:
        """Add a step.

        Args:
            frame: what stands for it.
            kind: what the robot did.
            human: whether a human moved it.
            violated: whether it was in constraint violation before.
            succeeded: whether it has completed its task.
            broken: whether it has caused a constraint violation.
            dismissed: whether a human has dismissed its alarm.
        """
        self._violated |= violated
        if kind is ActionKind.MOVE and not self._violated:
            self.frames.append(frame)
            self._human.append(human)
            self._dismissed.append(False)
            self._succeeded, self._broken = succeeded, broken
        if dismissed and self._dismissed:
            # The robot holds while a human dismisses its alarm.
            self._dismissed[-1] = True

    def events(self, *, followed: bool) -> EpisodeEvents:
        """Return what happened at the frames; `followed` says whether another attempt of the robot follows."""
        failed = followed or self._broken
        end: Literal["success", "failure", "truncated"] = (
            "success" if self._succeeded else "failure" if failed else "truncated"
        )
        return EpisodeEvents(
            np.array(self._human, bool), np.zeros(len(self._human), bool), end, np.array(self._dismissed, bool)
        )
