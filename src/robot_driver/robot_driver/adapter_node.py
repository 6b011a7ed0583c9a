"""The adapter node: connects robots that already have ROS 2 topics to the fleet."""

from __future__ import annotations

from typing import NoReturn

from fleet_common.node import run_process
from robot_driver.driver_node import DriverNode
from robot_driver.topic_driver import TopicDriver


class AdapterNode(DriverNode):
    """Serves all robots of the fleet over the topics that their contract names."""

    def __init__(self) -> None:
        super().__init__("adapter")
        self.serve(TopicDriver(self, self.robot_contract, self.robots, continuous=not self.lockstep))


def main() -> NoReturn:
    """Run the node."""
    run_process(AdapterNode)
