"""The node that runs the stations of the scripted supervisors."""

from __future__ import annotations

from typing import NoReturn

from fleet_common.node import run_process
from fleet_supervisors.supervisors import make_supervisor
from teleop_gui.station import Station
from teleop_gui.station_node_base import StationNodeBase


class StationNode(StationNodeBase):
    """Runs all scripted supervisors of the fleet whose places are not taken by operators."""

    def __init__(self) -> None:
        super().__init__("stations")
        seed = self.read_only_parameter("seed", 0, "Seed of the supervisors' choices.")
        task, reset_ticks = self.fleet.environment.task, self.fleet.allocation.hard_reset_ticks
        people = self.fleet.operator_names
        self.add_stations(
            {
                name: Station(
                    make_supervisor(task, self.fleet.style_of(index), self.robot_contract, seed, index), reset_ticks
                )
                for index, name in enumerate(self.fleet.supervisor_names)
                if name not in people
            }
        )


def main() -> NoReturn:
    """Run the node."""
    run_process(StationNode)
