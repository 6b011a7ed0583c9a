"""Records everything that the fleet says into a rosbag2 MCAP bag, as it came over the wire."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import islice
from typing import Any, NoReturn

from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.subscription import Subscription
from std_msgs.msg import Bool

from fleet_bags.bag_metadata import Topic, reliable_qos
from fleet_bags.guarded_writer import GuardedWriter
from fleet_bags.recorded_topics import IMAGE_TYPES, recorded_topics
from fleet_common.health import Check, Level
from fleet_common.message_definitions import typestore_for
from fleet_common.node import FleetNode, run_process
from fleet_common.polled_group import PolledGroup
from fleet_common.qos import TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.message_types import message_class

OPENING_S = 0.1
TAKE_S = 0.05
"""Between two looks at what has come. It is kept until then, with the time at which it came."""
WATCH_S = 1.0
"""Between two looks at the disk."""
QUIET_S = 0.5
"""Silence after which nothing more is on its way."""
CHATTER = "/diagnostics"
"""Never falls silent."""
LONGEST_S = 8.0
"""The bag is closed then, also if the fleet goes on talking."""


class RecorderNode(FleetNode):
    """One subscription per topic; messages are never unpacked.

    It listens before it opens the bag, which may need repair: what comes meanwhile is kept.
    """

    def __init__(self) -> None:
        super().__init__("recorder")
        seed = self.setting("seed", 0, "Seed of the run, which the bag tells.")
        kinds, unattended = recorded_topics(self.fleet, self.robot_contract), PolledGroup()
        self._listening: dict[str, Subscription[Any]] = {
            topic: self.create_subscription(
                message_class(kind), topic, _not_called, TRANSIENT_LOCAL_1000, raw=True, callback_group=unattended
            )
            for topic, kind in kinds.items()
        }
        self._eyes = [self._listening[topic] for topic, kind in kinds.items() if kind in IMAGE_TYPES]
        self._writer = GuardedWriter(
            self.run_dir / "bag", _described(kinds), self._said(seed), self.fleet.recording, now_s=time.monotonic()
        )
        self._heard_s = 0.0
        """When something was heard last."""
        self._recording = self.create_publisher(Bool, "fleet/recording", TRANSIENT_LOCAL_100)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._opening = self.create_timer(OPENING_S, self._when_all_cameras_are_seen, clock=steady)
        self.create_timer(TAKE_S, self._take, clock=steady)
        self.create_timer(WATCH_S, self._watch, clock=steady)

    def _said(self, seed: int) -> dict[str, str]:
        """What the bag tells about the run."""
        checkpoint = self.fleet.policy.checkpoint
        return {
            "fleet": (self.run_dir / "fleet.yaml").read_text(encoding="utf-8"),
            "contract": self.robot_contract.model_dump_json(),
            "contract_digest": self.robot_contract.digest,
            "seed": str(seed),
            # Who decides about the fleet may have the file alone.
            "policy": hashlib.sha256(checkpoint.read_bytes()).hexdigest() if checkpoint and checkpoint.exists() else "",
            "threshold": str(self.fleet.allocation.threshold),
            "version": version(__package__),
        }

    def _when_all_cameras_are_seen(self) -> None:
        """Say so: few images are kept for those who come late, and the robots wait for this word."""
        if self._writer.problem or all(eye.get_publisher_count() for eye in self._eyes):
            self._opening.destroy()
            self._recording.publish(Bool(data=True))

    def _take(self) -> None:
        """Write all that has come."""
        for topic, subscription in self._listening.items():
            now_s = time.monotonic()
            for data, about in _waiting(subscription):
                self._writer.write(
                    topic, data, received_ns=about["received_timestamp"], published_ns=about["source_timestamp"]
                )
                self._heard_s = self._heard_s if topic == CHATTER else now_s
            self._writer.advance(now_s)
        if self._writer.problem and self._listening:
            self._stop_listening()

    def _stop_listening(self) -> None:
        """The fleet goes on unheard."""
        self.get_logger().error(f"recording has stopped: {self._writer.problem}")
        for subscription in self._listening.values():
            self.destroy_subscription(subscription)
        self._listening.clear()

    def _watch(self) -> None:
        self._writer.look_at_disk()
        self.diagnose()

    def checks(self) -> Sequence[Check]:
        """See `FleetNode.checks`: whether the bag is being written."""
        problem = self._writer.problem
        level = Level.ERROR if problem else Level.OK
        return [Check("bag", level, problem or "recording", {"messages": str(self._writer.messages)})]

    def finish(self, executor: SingleThreadedExecutor) -> None:
        """Write what is still on its way, then close the bag."""
        self._heard_s = now_s = time.monotonic()
        end_s = now_s + LONGEST_S
        while self._listening and now_s < min(end_s, self._heard_s + QUIET_S):
            executor.spin_once(timeout_sec=TAKE_S)
            now_s = time.monotonic()
        self._writer.close()


def _waiting(subscription: Subscription[Any]) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    """Messages that a subscription holds, and when they were sent and came; as many as there can be at once, at most."""
    handle: Any = subscription.handle
    return islice(iter(lambda: handle.take_message(subscription.msg_type, True), None), TRANSIENT_LOCAL_1000.depth)


def _described(kinds: Mapping[str, str]) -> list[Topic]:
    """The topics with all that a bag tells about them."""
    types = typestore_for(set(kinds.values()))
    definitions = {kind: types.generate_msgdef(kind, ros_version=2)[0] for kind in set(kinds.values())}
    hashes = {kind: types.hash_rihs01(kind) for kind in definitions}
    offered = {kind: TRANSIENT_LOCAL_10 if kind in IMAGE_TYPES else TRANSIENT_LOCAL_100 for kind in definitions}
    return [
        Topic(topic, kind, definitions[kind], hashes[kind], reliable_qos(offered[kind].depth))
        for topic, kind in kinds.items()
    ]


def _not_called(_: bytes) -> None:
    """Messages are taken without it."""


def main() -> NoReturn:
    """Run the node."""
    run_process(RecorderNode, at_end=RecorderNode.finish)
