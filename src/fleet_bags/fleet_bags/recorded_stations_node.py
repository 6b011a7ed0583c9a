"""Serves the stations of all supervisors of a recorded run."""

from __future__ import annotations

from typing import NoReturn

from fleet_bags.recorded_station import RecordedStation
from fleet_bags.recording import replayed_recording
from fleet_common.node import run_process
from teleop_gui.station_node_base import StationNodeBase


class RecordedStationsNode(StationNodeBase):
    """Repeats what the supervisors did, both people and scripts."""

    def __init__(self) -> None:
        super().__init__("stations")
        recording = replayed_recording(self.fleet)
        actions = dict(zip(recording.metadata.robots, recording.human_actions_N, strict=True))
        self.add_stations({name: RecordedStation(actions, recording.leases) for name in self.fleet.supervisor_names})


def main() -> NoReturn:
    """Run the node."""
    run_process(RecordedStationsNode)
