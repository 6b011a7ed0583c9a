"""One person's station with a window on this machine's screen."""

from __future__ import annotations

import time
from typing import NoReturn

from fleet_common.node import run_process
from fleet_contract.validation import InputError
from teleop_gui.operators import OperatorsNode
from teleop_gui.window import Window


class WindowNode(OperatorsNode):
    """Ends when the window is closed.

    Raises:
        BadInput: the fleet has no such operator, or people cannot drive its robots.
    """

    def __init__(self) -> None:
        super().__init__("window")
        human = self.setting("human", "human_01", "Which of the fleet's operators sits here.")
        if human not in self.fleet.operator_names:
            raise InputError(f"human: found {human!r}, allowed are {', '.join(self.fleet.operator_names) or 'none'}.")
        self.finished = False
        video = self.robot_contract.require_operation().video
        self._window = Window(self.arrive(human), video.width / video.height, time.monotonic)

    def look(self) -> None:
        """See `OperatorsNode.look`."""
        self.finished = self.finished or not self._window.refresh()

    def close(self) -> None:
        """Take the window away."""
        self._window.close()


def main() -> NoReturn:
    """Run the node."""
    run_process(WindowNode)
