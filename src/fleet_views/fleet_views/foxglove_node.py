"""Serves the fleet's topics over Foxglove's WebSocket protocol, so that viewers need no ROS 2."""

from __future__ import annotations

from collections import Counter
from functools import partial
from queue import SimpleQueue
from typing import Any, NoReturn

from foxglove import Channel, Context, Schema, start_server
from foxglove.websocket import ChannelView, Client, ServerListener
from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from typing_extensions import override

from fleet_common.address import Address
from fleet_common.message_definitions import typestore_for
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import BEST_EFFORT_1, TRANSIENT_LOCAL_1000
from fleet_contract.message_types import message_class
from fleet_views.bridged_topics import Delivery, bridged_topics

QOS = {
    Delivery.TRANSIENT_LOCAL: TRANSIENT_LOCAL_1000,
    Delivery.VOLATILE: QoSProfile(depth=100),
    Delivery.VIDEO: BEST_EFFORT_1,
}
"""QoS profiles of the node's subscriptions."""
POLL_S = 0.05
"""Seconds between two looks at the clients' subscriptions."""


class SubscriptionListener(ServerListener):
    """Queues changes of clients' subscriptions. The server calls it from its own threads."""

    def __init__(self, changes: SimpleQueue[tuple[str, int]]) -> None:
        self._changes = changes

    @override
    def on_subscribe(self, client: Client, channel: ChannelView) -> None:
        self._changes.put((channel.topic, 1))

    @override
    def on_unsubscribe(self, client: Client, channel: ChannelView) -> None:
        self._changes.put((channel.topic, -1))


class FoxgloveNode(FleetNode):
    """Forwards serialized messages with their definitions, of those topics only that a client subscribes to.

    Raises:
        InputError: the server cannot listen at the address.
    """

    def __init__(self) -> None:
        super().__init__("foxglove")
        host = self.read_only_parameter(
            "host",
            "127.0.0.1",
            "Address to listen at; at any but a loopback address everybody on the network can view.",
        )
        port = self.read_only_parameter("port", 8765, "Port to listen at; 0 selects a free one.")
        self._changes: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._topics = bridged_topics(self.fleet, self.robot_contract)
        store = typestore_for({topic.type for topic in self._topics.values()})
        # Held by the node, because the channels close with their context.
        self._foxglove_context = Context()
        self._channels = {}
        for name, topic in self._topics.items():
            definition, _ = store.generate_msgdef(topic.type, ros_version=2)
            schema = Schema(name=topic.type, encoding="ros2msg", data=definition.encode())
            self._channels[name] = Channel(name, schema=schema, message_encoding="cdr", context=self._foxglove_context)
        self._viewers: Counter[str] = Counter()
        self._subscribed: dict[str, Subscription[Any]] = {}
        self.create_timer(POLL_S, self._apply_changes, clock=Clock(clock_type=ClockType.STEADY_TIME))
        Address(host, port).require_free("foxglove")
        self._server = start_server(
            name=self.fleet.fleet,
            host=host,
            port=port,
            server_listener=SubscriptionListener(self._changes),
            context=self._foxglove_context,
        )
        print(f"foxglove: {Address(host, self.port).websocket}", flush=True)

    @property
    def port(self) -> int:
        """The port at which the server listens."""
        return self._server.port

    @override
    def close(self) -> None:
        self._server.stop()

    def _apply_changes(self) -> None:
        """Subscribe to the topics that clients view.

        A new client's subscription replaces the node's own, because ROS 2 delivers stored messages only to new subscriptions.
        """
        while not self._changes.empty():
            name, change = self._changes.get()
            self._viewers[name] += change
            if name in self._subscribed and (change > 0 or not self._viewers[name]):
                self.destroy_subscription(self._subscribed.pop(name))
            if change > 0:
                topic = self._topics[name]
                kind, on_message = message_class(topic.type), partial(self._forward, name)
                self._subscribed[name] = self.create_subscription(kind, name, on_message, QOS[topic.delivery], raw=True)

    def _forward(self, topic: str, message: bytes) -> None:
        self._channels[topic].log(message)


def main() -> NoReturn:
    """Run the node."""
    run_process(FoxgloveNode)
