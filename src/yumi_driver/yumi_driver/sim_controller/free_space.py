"""A world with nothing in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yumi_driver.pose import Pose


class FreeSpace:
    """A `Tool` that touches nothing."""

    def moved(self, tip: Pose, previous: Pose) -> None:
        """Nothing happens."""
