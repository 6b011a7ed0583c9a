"""The Protocol of the world that an arm's tool moves in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yumi_driver.pose import Pose


class Tool(Protocol):
    """What an arm carries, and the world around it."""

    def moved(self, tip: Pose, previous: Pose) -> None:
        """The tip has got from the previous pose to its own in one control step.

        Called in every control step, also in those in which the tip stands still, by the controller's own thread.
        Both poses are those of tool0 in the frame of the robot's body.
        """
