"""Runs a simulated lab: gateways, robots, cells, and the people who reset the cells."""

from __future__ import annotations

from typing import NoReturn

from fleet_interfaces.msg import Lease, LeaseTable
from typing_extensions import override

from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1000
from fleet_contract.topics import LEASES_TOPIC
from yumi_driver.simulated_gateways import SimulatedGateways


class SimulatedCellsNode(FleetNode):
    """Runs the lab; when a human gets a lease for a hard reset, the cube is reset."""

    def __init__(self) -> None:
        super().__init__("simulated_cells")
        seed = self.read_only_parameter("seed", 0, "Seed of the cubes' initial poses.")
        names = self.fleet.robot_names
        self._robots = {name: robot for robot, name in enumerate(names)}
        self._gateways = SimulatedGateways(self.run_dir, self.robot_contract, len(names), seed)
        self._gateways.__enter__()
        self.create_subscription(LeaseTable, LEASES_TOPIC, self._on_leases, TRANSIENT_LOCAL_1000)

    @override
    def close(self) -> None:
        self._gateways.__exit__(None, None, None)

    def _on_leases(self, message: LeaseTable) -> None:
        new = [lease for lease in message.leases if lease.kind == Lease.HARD_RESET and lease.since_tick == message.tick]
        for lease in new:
            self._gateways.reset_cube(self._robots[lease.robot])


def main() -> NoReturn:
    """Run the node."""
    run_process(SimulatedCellsNode)
