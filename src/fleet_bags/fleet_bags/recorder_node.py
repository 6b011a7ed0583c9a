"""Records the fleet's topics into a rosbag2 MCAP bag, without deserializing messages."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.subscription import Subscription
from std_msgs.msg import Bool
from typing_extensions import override

from fleet_bags.bag_metadata import Topic, reliable_qos
from fleet_bags.guarded_writer import GuardedWriter
from fleet_bags.recorded_topics import IMAGE_TYPES, recorded_topics
from fleet_common.health import Check, Level
from fleet_common.message_definitions import typestore_for
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_common.subscriptions import PolledGroup, arrived, subscribe_polled
from fleet_contract.message_types import message_class
from fleet_contract.signal import UNCERTAINTY
from fleet_contract.topics import DIAGNOSTICS_TOPIC, FUTURES_TOPIC, RECORDING_TOPIC

START_CHECK_PERIOD_S = 0.02
"""Period at which the recorder checks whether all cameras have a publisher, s."""
TAKE_PERIOD_S = 0.1
"""Period at which messages are taken from the subscriptions, s. Until then ROS holds them with their receive times."""
DISK_CHECK_PERIOD_S = 1.0
"""Period at which free disk space is checked and diagnostics are published, s."""
QUIET_S = 0.5
"""Time without messages after which the recorder assumes that no more are in transit, s."""
LONGEST_FINISH_S = 8.0
"""Time after which the bag is closed at the end even if messages still arrive, s."""


class RecorderNode(FleetNode):
    """Has one raw subscription per topic.

    It subscribes before it opens the bag, which may need repair: the subscriptions hold what arrives meanwhile.
    """

    def __init__(self) -> None:
        super().__init__("recorder")
        seed = self.read_only_parameter("seed", 0, "Seed of the run, which is written into the bag.")
        types, polled = recorded_topics(self.fleet, self.robot_contract), PolledGroup()
        self._subscriptions_by_topic: dict[str, Subscription[Any]] = {
            topic: subscribe_polled(self, message_class(kind), topic, TRANSIENT_LOCAL_1000, polled, raw=True)
            for topic, kind in types.items()
        }
        self._camera_subscriptions = [
            self._subscriptions_by_topic[topic]
            for topic, kind in types.items()
            if kind in IMAGE_TYPES and not topic.endswith(FUTURES_TOPIC)
        ]
        self._writer = GuardedWriter(
            self.run_dir / "bag",
            _bag_topics(types),
            self._custom_data(seed),
            self.fleet.recording,
            now_s=time.monotonic(),
        )
        self._last_received_s = 0.0
        """Time at which the last message was taken, s."""
        self._recording = self.create_publisher(Bool, RECORDING_TOPIC, TRANSIENT_LOCAL_100)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._start_timer = self.create_timer(START_CHECK_PERIOD_S, self._check_start, clock=steady)
        self.create_timer(TAKE_PERIOD_S, self._take, clock=steady)
        self.create_timer(DISK_CHECK_PERIOD_S, self._check_disk, clock=steady)

    def _custom_data(self, seed: int) -> dict[str, str]:
        """Return what the bag holds about the run."""
        checkpoint = self.fleet.policy.checkpoint
        return {
            "fleet": (self.run_dir / "fleet.yaml").read_text(encoding="utf-8"),
            "contract": self.robot_contract.model_dump_json(),
            "contract_digest": self.robot_contract.digest,
            "seed": str(seed),
            # The file may exist only on the machine that runs the policy.
            "policy": hashlib.sha256(checkpoint.read_bytes()).hexdigest() if checkpoint and checkpoint.exists() else "",
            "threshold": str(self.fleet.allocation.threshold(UNCERTAINTY)),
            "version": version(__package__),
        }

    def _check_start(self) -> None:
        """Let the robots start once every camera has a publisher: a late subscription would miss images, whose history is short."""
        if self._writer.problem or all(camera.get_publisher_count() for camera in self._camera_subscriptions):
            self._start_timer.destroy()
            self._recording.publish(Bool(data=True))

    def _take(self) -> None:
        """Write all messages that have arrived."""
        for topic, subscription in self._subscriptions_by_topic.items():
            now_s = time.monotonic()
            for data, info in arrived(subscription):
                self._writer.write(
                    topic, data, received_ns=info["received_timestamp"], published_ns=info["source_timestamp"]
                )
                # Diagnostics never cease, not even at the end.
                self._last_received_s = self._last_received_s if topic == DIAGNOSTICS_TOPIC else now_s
            self._writer.advance(now_s)
        if self._writer.problem and self._subscriptions_by_topic:
            self._stop_recording()

    def _stop_recording(self) -> None:
        """Unsubscribe from all topics; the run continues without a recording."""
        self.get_logger().error(f"Recording has stopped: {self._writer.problem}.")
        for subscription in self._subscriptions_by_topic.values():
            self.destroy_subscription(subscription)
        self._subscriptions_by_topic.clear()

    def _check_disk(self) -> None:
        self._writer.check_disk()
        self.diagnose()

    @override
    def checks(self) -> Sequence[Check]:
        problem = self._writer.problem
        level = Level.ERROR if problem else Level.OK
        return [Check("bag", level, problem or "recording", {"messages": str(self._writer.messages)})]

    def finish(self, executor: SingleThreadedExecutor) -> None:
        """Write what has arrived and what is still in transit, then close the bag."""
        self._take()
        end_s = time.monotonic() + LONGEST_FINISH_S
        while self._subscriptions_by_topic and time.monotonic() < min(end_s, self._last_received_s + QUIET_S):
            executor.spin_once(timeout_sec=TAKE_PERIOD_S)
        self._writer.close()


def _bag_topics(types: Mapping[str, str]) -> list[Topic]:
    """Return the topics with their message definitions, type hashes and QoS profiles."""
    store = typestore_for(set(types.values()))
    definitions = {kind: store.generate_msgdef(kind, ros_version=2)[0] for kind in set(types.values())}
    hashes = {kind: store.hash_rihs01(kind) for kind in definitions}
    offered = {kind: TRANSIENT_LOCAL_10 if kind in IMAGE_TYPES else TRANSIENT_LOCAL_100 for kind in definitions}
    return [
        Topic(topic, kind, definitions[kind], hashes[kind], reliable_qos(offered[kind].depth))
        for topic, kind in types.items()
    ]


def main() -> NoReturn:
    """Run the node."""
    run_process(RecorderNode, at_end=RecorderNode.finish)
