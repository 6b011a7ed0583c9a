"""Serves the robots of a recorded run on the topics that they were recorded from."""

from __future__ import annotations

import time
from typing import NoReturn

from fleet_interfaces.msg import PolicyVersion

from fleet_bags.recorded_driver import RecordedDriver
from fleet_bags.recording import read_recording
from fleet_common.node import run_process
from fleet_common.qos import TRANSIENT_LOCAL_100
from fleet_contract.validation import InputError
from robot_driver.driver_node import LOOK_S, DriverNode


class ReplayNode(DriverNode):
    """All robots of the fleet, as they were; and the policy versions that the trainer made then, when they are due."""

    def __init__(self) -> None:
        super().__init__("bridge")
        choice = self.fleet.environment
        if choice.bag is None:
            raise InputError("environment.bag: found none, allowed is the bag that is replayed.")
        recording = read_recording(choice.bag)
        self._versions = self.create_publisher(PolicyVersion, "fleet/policy_version", TRANSIENT_LOCAL_100)
        self._due_versions = list(recording.policy_versions[: len(self.fleet.training.update_ticks)])
        self.serve(RecordedDriver(recording, time.monotonic, choice.speed))

    @property
    def tick_s(self) -> float:
        """The recording says when the next tick comes."""
        return LOOK_S

    def _publish(self, robots: list[int] | None = None) -> None:
        while self._due_versions and self._due_versions[0].due_tick <= self._tick:
            due = self._due_versions.pop(0)
            self._versions.publish(
                PolicyVersion(version=due.version, due_tick=due.due_tick, path=str(due.path), digest=due.digest)
            )
        super()._publish(robots)


def main() -> NoReturn:
    """Run the node."""
    run_process(ReplayNode)
