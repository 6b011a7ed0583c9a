"""The stations of all supervisors of a recorded run."""

from __future__ import annotations

from typing import NoReturn

from fleet_bags.recorded_station import RecordedStation
from fleet_bags.recording import read_recording
from fleet_common.node import run_process
from fleet_contract.validation import InputError
from teleop_gui.stations import StationsNode


class RecordedStationsNode(StationsNode):
    """People and scripts alike do what they did."""

    def __init__(self) -> None:
        super().__init__("stations")
        bag = self.fleet.environment.bag
        if bag is None:
            raise InputError("environment.bag: found none, allowed is the bag that is replayed.")
        recording = read_recording(bag)
        taught = dict(zip(recording.metadata.robots, recording.human_actions_N, strict=True))
        self.open({name: RecordedStation(taught) for name in self.fleet.supervisor_names})


def main() -> NoReturn:
    """Run the node."""
    run_process(RecordedStationsNode)
