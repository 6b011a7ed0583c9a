"""The lab that stands in for a real one: gateways, robots, cells, and the hands of the people in it."""

from __future__ import annotations

from typing import NoReturn

from fleet_interfaces.msg import Lease, LeaseTable

from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1000
from yumi_driver.simulated_gateways import SimulatedGateways


class SimulatedCellsNode(FleetNode):
    """Whoever is sent to a robot for a hard reset puts its cube right."""

    def __init__(self) -> None:
        super().__init__("simulated_cells")
        seed = self.setting("seed", 0, "Seed of where cubes are put.")
        names = self.fleet.robot_names
        self._robots = {name: robot for robot, name in enumerate(names)}
        self._gateways = SimulatedGateways(self.run_dir, self.robot_contract, len(names), seed)
        self._gateways.__enter__()
        self.create_subscription(LeaseTable, "fleet/leases", self._on_leases, TRANSIENT_LOCAL_1000)

    def close(self) -> None:
        """Switch everything off."""
        self._gateways.__exit__(None, None, None)

    def _on_leases(self, message: LeaseTable) -> None:
        new = [lease for lease in message.leases if lease.kind == Lease.HARD_RESET and lease.since_tick == message.tick]
        for lease in new:
            self._gateways.put_right(self._robots[lease.robot])


def main() -> NoReturn:
    """Run the node."""
    run_process(SimulatedCellsNode)
