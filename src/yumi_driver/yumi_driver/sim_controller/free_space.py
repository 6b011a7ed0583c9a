"""An empty environment of an arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from yumi_driver.sim_controller.tool import Tool

if TYPE_CHECKING:
    from yumi_driver.pose import Pose


class FreeSpace(Tool):
    """A `Tool` that touches nothing."""

    @override
    def moved(self, tip: Pose, previous: Pose) -> None:
        """Do nothing."""
