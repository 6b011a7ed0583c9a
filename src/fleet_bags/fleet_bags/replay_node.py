"""Replays the robots of a recorded run on the topics from which they were recorded."""

from __future__ import annotations

import time
from typing import NoReturn

from fleet_interfaces.msg import PolicyVersion, SignalVersion
from typing_extensions import override

from fleet_bags.recorded_driver import RecordedDriver
from fleet_bags.recording import replayed_recording
from fleet_common.node import run_process
from fleet_common.qos import TRANSIENT_LOCAL_100
from fleet_contract.topics import POLICY_VERSION_TOPIC, SIGNAL_VERSION_TOPIC
from robot_driver.driver_node import POLL_S, DriverNode


class ReplayNode(DriverNode):
    """Publishes the recorded robots, and the recorded versions of the policy and of what computes signals when they are due."""

    def __init__(self) -> None:
        super().__init__("bridge")
        recording = replayed_recording(self.fleet)
        self._versions = self.create_publisher(PolicyVersion, POLICY_VERSION_TOPIC, TRANSIENT_LOCAL_100)
        self._due_versions = list(recording.policy_versions[: len(self.fleet.training.update_ticks)])
        self._signal_versions = self.create_publisher(SignalVersion, SIGNAL_VERSION_TOPIC, TRANSIENT_LOCAL_100)
        self._due_signal_versions = [
            version
            for version in sorted(recording.signal_versions, key=lambda one: one.due_tick)
            if version.due_tick in self.fleet.training.update_ticks
        ]
        self.serve(RecordedDriver(recording, time.monotonic, self.fleet.environment.speed))

    @property
    @override
    def tick_s(self) -> float:
        """Shortest duration of a tick, s: the recording determines when the next one begins."""
        return POLL_S

    @override
    def _publish(self, robots: list[int] | None = None) -> None:
        while self._due_versions and self._due_versions[0].due_tick <= self._tick:
            due = self._due_versions.pop(0)
            self._versions.publish(
                PolicyVersion(version=due.version, due_tick=due.due_tick, path=str(due.path), digest=due.digest)
            )
        while self._due_signal_versions and self._due_signal_versions[0].due_tick <= self._tick:
            own = self._due_signal_versions.pop(0)
            self._signal_versions.publish(
                SignalVersion(
                    provider=own.provider,
                    signals=own.signals,
                    version=own.version,
                    due_tick=own.due_tick,
                    path=str(own.path),
                    digest=own.digest,
                )
            )
        super()._publish(robots)


def main() -> NoReturn:
    """Run the node."""
    run_process(ReplayNode)
