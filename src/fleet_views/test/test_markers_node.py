"""Checks that markers follow the topics, one array per tick, while there are subscribers."""

from __future__ import annotations

import pytest
from fleet_interfaces.msg import Lease, LeaseTable, Observation, PolicyReport, RobotAction, RobotStatus
from visualization_msgs.msg import Marker, MarkerArray

from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_views import markers_node

NAMES = ("robot_01", "robot_02")


class Fleet:
    """Publishes what the nodes of a fleet publish about their ticks."""

    def __init__(self, running) -> None:
        node = running.fleet
        self.statuses = {
            name: node.create_publisher(RobotStatus, f"{name}/status", TRANSIENT_LOCAL_100) for name in NAMES
        }
        self.states = {
            name: node.create_publisher(Observation, f"{name}/observation", TRANSIENT_LOCAL_100) for name in NAMES
        }
        self.actions = {
            name: node.create_publisher(RobotAction, f"{name}/action", TRANSIENT_LOCAL_100) for name in NAMES
        }
        self.reports = node.create_publisher(PolicyReport, "fleet/policy_report", TRANSIENT_LOCAL_100)
        self.tables = node.create_publisher(LeaseTable, "fleet/leases", TRANSIENT_LOCAL_100)

    def observe(self, tick) -> None:
        for robot, name in enumerate(NAMES):
            self.statuses[name].publish(RobotStatus(tick=tick))
            self.states[name].publish(Observation(tick=tick, values=[0.01 * tick, 0.1 * robot, 1.0, 0.0, -0.15, 0.15]))

    def decide(self, tick) -> None:
        self.reports.publish(PolicyReport(tick=tick, robots=NAMES, uncertainties=[0.1, 0.5]))
        lease = Lease(robot="robot_02", supervisor="human_01", token=1, kind=Lease.TELEOPERATE)
        self.tables.publish(LeaseTable(tick=tick, threshold=0.25, leases=[lease]))

    def act(self, tick) -> None:
        policy = RobotAction(tick=tick, kind=1, source=1, policy_version=1, values=[0.02, 0.0])
        human = RobotAction(tick=tick, kind=1, source=2, supervisor="human_01", lease=1, values=[0.0, 0.03])
        for name, action in zip(NAMES, (policy, human), strict=True):
            self.actions[name].publish(action)

    def all_subscribed(self) -> bool:
        """Return whether the node subscribes to all topics."""
        publishers = (*self.statuses.values(), *self.states.values(), *self.actions.values(), self.reports, self.tables)
        return all(publisher.get_subscription_count() for publisher in publishers)


@pytest.fixture
def running(started):
    return started(markers_node.MarkersNode)


@pytest.fixture
def fleet(running):
    return Fleet(running)


def shown(array):
    """Return the markers that an array shows, by robot and layer, the first of each."""
    found = {}
    for marker in array.markers:
        if marker.action == Marker.ADD:
            found.setdefault((marker.header.frame_id.removesuffix("/base_link"), marker.ns), marker)
    return found


def test_every_tick_is_one_array_with_the_released_actions(started, monkeypatch):
    # On a busy machine, no tick is published before it is complete.
    monkeypatch.setattr(markers_node, "INCOMPLETE_S", 1e4)
    running = started(markers_node.MarkersNode)
    fleet, arrays = Fleet(running), []
    running.fleet.create_subscription(MarkerArray, "/fleet/markers", arrays.append, TRANSIENT_LOCAL_1000)
    running.wait_for(fleet.all_subscribed)
    for tick in range(1, 6):
        fleet.observe(tick)
        fleet.decide(tick)
        fleet.act(tick)
        running.wait_for(lambda tick=tick: len(arrays) >= tick)
        markers = shown(arrays[-1])
        cube, arrow = markers["robot_01", "body"].pose.position, markers["robot_01", "action"].points
        assert cube.x == pytest.approx(0.01 * tick)
        assert (arrow[1].x - arrow[0].x, arrow[1].y - arrow[0].y) == pytest.approx((0.02, 0.0))
        assert markers["robot_01", "driver"].text == "robot_01\npolicy version 1"
        assert markers["robot_02", "driver"].text == "robot_02\nhuman_01"
        assert markers["robot_02", "uncertainty"].text == "0.50 nats (threshold 0.25)"
    assert len(arrays) == 5


def test_while_a_human_decides_the_markers_name_them(running, fleet):
    arrays = []
    running.fleet.create_subscription(MarkerArray, "/fleet/markers", arrays.append, TRANSIENT_LOCAL_1)
    running.wait_for(fleet.all_subscribed)
    fleet.observe(0)
    fleet.decide(0)
    running.wait_for(lambda: arrays and "is deciding" in shown(arrays[-1])["robot_02", "driver"].text)
    assert ("robot_02", "action") not in shown(arrays[-1])
    fleet.act(0)
    running.wait_for(lambda: shown(arrays[-1])["robot_02", "driver"].text == "robot_02\nhuman_01")


def test_without_viewers_the_node_does_not_subscribe_and_a_late_viewer_gets_the_current_tick(running, fleet):
    for tick in range(3):
        fleet.observe(tick)
        fleet.decide(tick)
        fleet.act(tick)
    polls = []
    running.node.create_timer(0.05, lambda: polls.append(fleet.all_subscribed()))
    running.wait_for(lambda: len(polls) > 20)
    assert not any(polls)
    arrays = []
    viewer = running.fleet.create_subscription(MarkerArray, "/fleet/markers", arrays.append, TRANSIENT_LOCAL_1)
    running.wait_for(lambda: arrays and ("robot_01", "action") in shown(arrays[-1]))
    assert shown(arrays[-1])["robot_01", "body"].pose.position.x == pytest.approx(0.02)
    running.fleet.destroy_subscription(viewer)
    running.wait_for(lambda: not fleet.reports.get_subscription_count())


def test_an_invalid_observation_is_skipped(running, fleet):
    arrays = []
    running.fleet.create_subscription(MarkerArray, "/fleet/markers", arrays.append, TRANSIENT_LOCAL_1000)
    running.wait_for(fleet.all_subscribed)
    fleet.states["robot_01"].publish(Observation(tick=0, values=[1.0]))
    fleet.decide(0)
    fleet.act(0)
    running.wait_for(lambda: arrays)
    assert ("robot_01", "body") not in shown(arrays[-1])
    assert ("robot_01", "driver") in shown(arrays[-1])
