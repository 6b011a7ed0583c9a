"""The Protocol of an arm's tool and its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yumi_driver.pose import Pose


class Tool(Protocol):
    """A tool on an arm, and the environment that it touches."""

    def moved(self, tip: Pose, previous: Pose) -> None:
        """Handle the motion of the tip from the previous pose to `tip` in one control step.

        The controller's thread calls this in every control step, even if the tip does not move. Both poses are those of
        tool0 in the frame of the robot's body.
        """
