"""One operator's station with a window on this machine's screen."""

from __future__ import annotations

import time
from typing import NoReturn

from typing_extensions import override

from fleet_common.node import run_process
from fleet_contract.validation import InputError
from teleop_gui.operator_node_base import OperatorNodeBase
from teleop_gui.window import Window


class WindowNode(OperatorNodeBase):
    """The node of one window; it exits when the window is closed.

    Raises:
        InputError: the fleet has no such operator, or people cannot drive its robots.
    """

    def __init__(self) -> None:
        super().__init__("window")
        human = self.read_only_parameter("human", "human_01", "Name of the operator at this window.")
        if human not in self.fleet.operator_names:
            raise InputError(f"human: expected {', '.join(self.fleet.operator_names) or 'no operator'}, got {human!r}.")
        video = self.robot_contract.require_operation().video
        self._window = Window(self.add_operator(human), video.width / video.height, time.monotonic)

    @override
    def update(self) -> None:
        if not self._window.refresh():
            self.end()

    @override
    def close(self) -> None:
        self._window.close()


def main() -> NoReturn:
    """Run the node."""
    run_process(WindowNode)
