"""The bridge node: connects simulated robots to the fleet on the topics of real ones."""

from __future__ import annotations

from typing import NoReturn

from fleet_common.node import run_process
from robot_driver.driver_node import DriverNode
from sim_bridge.backends import make_environment
from sim_bridge.simulated_driver import SimulatedDriver


class BridgeNode(DriverNode):
    """Serves all robots of the fleet, simulated in the environment that the fleet file names."""

    def __init__(self) -> None:
        super().__init__("bridge")
        choice = self.fleet.environment
        environment = make_environment(
            choice.backend,
            choice.task,
            self.robot_contract,
            len(self.robots),
            choice.episode_ticks,
            self.fleet.robots.tasks,
        )
        self.serve(SimulatedDriver(environment))


def main() -> NoReturn:
    """Run the node."""
    run_process(BridgeNode)
