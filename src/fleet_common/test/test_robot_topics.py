"""Topics in the robots' namespaces are published while somebody subscribes, who gets the newest message first."""

from __future__ import annotations

from functools import partial

import pytest
import rclpy
from fleet_interfaces.msg import RobotStatus

from fleet_common.qos import TRANSIENT_LOCAL_1000
from fleet_common.robot_topics import NEW_SUBSCRIBERS_S, RobotTopics

NAMES = ("robot_01", "robot_02")


class Published:
    """The topics of two robots, and the messages that were made for them."""

    def __init__(self, peers) -> None:
        self.peers, self.made, self._tick = peers, {name: [] for name in NAMES}, 0
        self.topics = RobotTopics(peers.node, RobotStatus, "status", NAMES)

    def publish(self, ticks: int) -> None:
        for _ in range(ticks):
            for name in NAMES:
                self.topics.publish(name, partial(self._make, name, self._tick))
            self._tick += 1

    def _make(self, name, tick) -> RobotStatus:
        self.made[name].append(tick)
        return RobotStatus(tick=tick)

    def subscribe(self, name):
        """Return a subscription and the ticks of its messages."""
        ticks = []
        subscription = self.peers.rest.create_subscription(
            RobotStatus, f"{name}/status", lambda message: ticks.append(message.tick), TRANSIENT_LOCAL_1000
        )
        return subscription, ticks

    def leave(self, subscription, name) -> None:
        self.peers.rest.destroy_subscription(subscription)
        self.peers.wait_for(lambda: not self.peers.node.count_subscribers(f"{name}/status"))
        self.peers.spin(2 * NEW_SUBSCRIBERS_S)


@pytest.fixture
def published(start):
    return Published(start(lambda: rclpy.create_node("publisher")))


def test_nothing_is_published_while_nobody_subscribes(published):
    published.publish(20)
    published.peers.spin(3 * NEW_SUBSCRIBERS_S)
    assert published.made == {"robot_01": [], "robot_02": []}
    assert {name for name, _ in published.peers.node.get_topic_names_and_types()} >= {
        "/robot_01/status",
        "/robot_02/status",
    }, "but the topics are listed"


def test_a_late_subscriber_gets_the_newest_message_and_then_each(published):
    published.publish(20)
    _, ticks = published.subscribe("robot_02")
    published.peers.wait_for(lambda: ticks)
    assert ticks == [19]
    published.publish(10)
    published.peers.wait_for(lambda: ticks[-1] == 29)
    assert ticks == list(range(19, 30))
    assert published.made["robot_01"] == [], "nobody subscribes to the other robot"


def test_a_second_subscriber_gets_the_newest_message_as_well(published):
    published.publish(1)
    _, first = published.subscribe("robot_01")
    published.peers.wait_for(lambda: first)
    published.publish(1)
    _, second = published.subscribe("robot_01")
    published.peers.wait_for(lambda: second and second[-1] == 1)
    published.publish(1)
    published.peers.wait_for(lambda: first[-1] == second[-1] == 2)
    assert sorted(set(first)) == [0, 1, 2]


def test_nothing_is_published_after_the_last_subscriber_has_left(published):
    subscription, ticks = published.subscribe("robot_01")
    published.peers.wait_for(lambda: published.peers.node.count_subscribers("robot_01/status"))
    published.publish(5)
    published.peers.wait_for(lambda: ticks and ticks[-1] == 4)
    published.leave(subscription, "robot_01")
    made = list(published.made["robot_01"])
    published.publish(5)
    published.peers.spin(2 * NEW_SUBSCRIBERS_S)
    assert published.made["robot_01"] == made
    _, later = published.subscribe("robot_01")
    published.peers.wait_for(lambda: later)
    published.peers.spin(2 * NEW_SUBSCRIBERS_S)
    assert later == [9], "no message from before it left"


def test_a_robot_without_messages_publishes_its_first(published):
    _, ticks = published.subscribe("robot_01")
    published.peers.wait_for(lambda: published.peers.node.count_subscribers("robot_01/status"))
    published.peers.spin(2 * NEW_SUBSCRIBERS_S)
    assert ticks == []
    published.publish(1)
    published.peers.wait_for(lambda: ticks)
    assert ticks == [0]
