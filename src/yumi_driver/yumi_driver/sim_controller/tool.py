"""The Protocol of the world that the tip of an arm's tool moves in.

3 coordinates x, y, z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Tool(Protocol):
    """What an arm carries, and the world around its tip."""

    def moved(self, position_mm_3: NDArray[np.float64], previous_mm_3: NDArray[np.float64]) -> None:
        """The tip has got from the previous position to the position in one control step.

        Called in every control step, also in those in which the tip stands still, by the controller's own thread.
        Both positions are those of tool0 in the frame of the robot's body, in millimetres.
        """
