"""Publishes topics in the robots' namespaces, for those outside of the fleet who subscribe to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher

from fleet_common.qos import TRANSIENT_LOCAL_10

NEW_SUBSCRIBERS_S = 0.5
"""Period, s, at which subscribers are looked for; new ones get the newest message."""


class RobotTopics:
    """One topic in each robot's namespace, on which nothing is published while nobody subscribes.

    The fleet's own nodes exchange one message for all robots instead, whose cost hardly grows with their number.
    """

    def __init__(self, node: Node, kind: type, topic: str, robots: Sequence[str]) -> None:
        """Create the publishers.

        Args:
            node: node that publishes.
            kind: message class.
            topic: name in the robots' namespaces.
            robots: names of the robots.
        """
        self._node, self._kind, self._topic = node, kind, topic
        self._publishers = {robot: self._create_publisher(robot) for robot in robots}
        self._subscribers = dict.fromkeys(robots, 0)
        self._newest: dict[str, Callable[[], Any]] = {}
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(NEW_SUBSCRIBERS_S, self._publish_to_new_subscribers, clock=steady)

    def publish(self, robot: str, make: Callable[[], Any]) -> None:
        """Publish a message, which is made only if somebody subscribes to this robot's topic, now or before the next message."""
        self._newest[robot] = make
        if self._subscribers[robot]:
            self._publishers[robot].publish(make())

    def _create_publisher(self, robot: str) -> Publisher[Any]:
        return self._node.create_publisher(self._kind, f"{robot}/{self._topic}", TRANSIENT_LOCAL_10)

    def _publish_to_new_subscribers(self) -> None:
        for robot, make in self._newest.items():
            before = self._subscribers[robot]
            if self._count_subscribers(robot) > before:
                self._publishers[robot].publish(make())

    def _count_subscribers(self, robot: str) -> int:
        """Return how many subscribe. When nobody does any more, drop the stored messages, which the next subscriber would get."""
        count, before = self._publishers[robot].get_subscription_count(), self._subscribers[robot]
        if before and not count:
            self._node.destroy_publisher(self._publishers[robot])
            self._publishers[robot] = self._create_publisher(robot)
        self._subscribers[robot] = count
        return count
