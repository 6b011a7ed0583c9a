"""Serves the fleet's topics to Foxglove, which needs no ROS 2: in a browser or as a program, here or elsewhere."""

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

from fleet_common.address import Address
from fleet_common.message_definitions import typestore_for
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import BEST_EFFORT_1, TRANSIENT_LOCAL_1000
from fleet_contract.message_types import message_class
from fleet_views.shown_topics import Delivery, viewed_topics

QUALITY = {Delivery.KEPT: TRANSIENT_LOCAL_1000, Delivery.REPEATED: QoSProfile(depth=100), Delivery.VIDEO: BEST_EFFORT_1}
LOOK_S = 0.05
"""Between two looks at who looks at what."""


class Clients(ServerListener):
    """Notes what clients begin and end to look at. The server calls it from threads of its own."""

    def __init__(self, changes: SimpleQueue[tuple[str, int]]) -> None:
        self._changes = changes

    def on_subscribe(self, client: Client, channel: ChannelView) -> None:  # noqa: ARG002
        """One more looks at a topic."""
        self._changes.put((channel.topic, 1))

    def on_unsubscribe(self, client: Client, channel: ChannelView) -> None:  # noqa: ARG002
        """One less does, or has hung up."""
        self._changes.put((channel.topic, -1))


class FoxgloveNode(FleetNode):
    """Hands messages on as they come over the wire, with their definitions, and only those that a client looks at.

    Raises:
        BadInput: nobody can listen at the address.
    """

    def __init__(self) -> None:
        super().__init__("foxglove")
        host = self.setting(
            "host", "127.0.0.1", "Address to listen at; others than this machine's own let anybody look."
        )
        port = self.setting("port", 8765, "Port to listen at; 0 is a free one.")
        self._changes: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._viewed = viewed_topics(self.fleet, self.robot_contract)
        store = typestore_for({viewed.type for viewed in self._viewed.values()})
        # Kept, because the channels go when it goes.
        self._offered = Context()
        self._channels = {}
        for topic, viewed in self._viewed.items():
            definition, _ = store.generate_msgdef(viewed.type, ros_version=2)
            schema = Schema(name=viewed.type, encoding="ros2msg", data=definition.encode())
            self._channels[topic] = Channel(topic, schema=schema, message_encoding="cdr", context=self._offered)
        self._viewers: Counter[str] = Counter()
        self._ears: dict[str, Subscription[Any]] = {}
        self.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        Address(host, port).require_free("foxglove")
        self._server = start_server(
            name=self.fleet.fleet, host=host, port=port, server_listener=Clients(self._changes), context=self._offered
        )
        print(f"foxglove: {Address(host, self.port).websocket}", flush=True)

    @property
    def port(self) -> int:
        """Where the server listens."""
        return self._server.port

    def close(self) -> None:
        """Hang up."""
        self._server.stop()

    def _look(self) -> None:
        """Listen to what is looked at; anew when one more comes, because ROS 2 tells those who begin what was said before."""
        while not self._changes.empty():
            topic, more = self._changes.get()
            self._viewers[topic] += more
            if topic in self._ears and (more > 0 or not self._viewers[topic]):
                self.destroy_subscription(self._ears.pop(topic))
            if more > 0:
                viewed = self._viewed[topic]
                kind, heard = message_class(viewed.type), partial(self._hand_on, topic)
                self._ears[topic] = self.create_subscription(kind, topic, heard, QUALITY[viewed.delivery], raw=True)

    def _hand_on(self, topic: str, message: bytes) -> None:
        self._channels[topic].log(message)


def main() -> NoReturn:
    """Run the node."""
    run_process(FoxgloveNode)
