"""Checks that markers follow the topics, one array per tick, while there are subscribers."""

from __future__ import annotations

import pytest
from fleet_interfaces.msg import Lease, LeaseTable, RobotActions, RobotStates, Signal
from visualization_msgs.msg import Marker, MarkerArray

from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_views import markers_node

NAMES = ("robot_01", "robot_02")


class Fleet:
    """Publishes what the nodes of a fleet publish about their ticks."""

    def __init__(self, running) -> None:
        node = running.fleet
        self.states = node.create_publisher(RobotStates, "fleet/states", TRANSIENT_LOCAL_100)
        self.actions = node.create_publisher(RobotActions, "fleet/actions", TRANSIENT_LOCAL_100)
        self.signals = node.create_publisher(Signal, "fleet/signals/uncertainty", TRANSIENT_LOCAL_100)
        self.tables = node.create_publisher(LeaseTable, "fleet/leases", TRANSIENT_LOCAL_100)

    def observe(self, tick, **changes) -> None:
        """Publish the states of all robots at a tick."""
        fields = {
            "tick": tick,
            "robots": NAMES,
            "episodes": [0, 0],
            "values": [number for robot in range(2) for number in (0.01 * tick, 0.1 * robot, 1.0, 0.0, -0.15, 0.15)],
            "violated": [False, False],
            "succeeded": [False, False],
            "rewards": [0.0, 0.0],
            "successes": [0, 0],
            "hard_resets": [0, 0],
            "unreachable": ["", ""],
        }
        self.states.publish(RobotStates(**fields | changes))

    def decide(self, tick) -> None:
        self.signals.publish(
            Signal(
                tick=tick,
                name="uncertainty",
                unit="nats",
                robots=NAMES,
                values=[0.1, 0.5],
                standard_errors=[0.01, 0.01],
            )
        )
        lease = Lease(robot="robot_02", supervisor="human_01", token=1, kind=Lease.TELEOPERATE)
        self.tables.publish(LeaseTable(tick=tick, signals=["uncertainty"], thresholds=[0.25], leases=[lease]))

    def act(self, tick) -> None:
        """Release the policy's action to the first robot, and the human's to the second."""
        self.actions.publish(
            RobotActions(
                tick=tick,
                robots=NAMES,
                kinds=[1, 1],
                sources=[1, 2],
                policy_versions=[1, 0],
                supervisors=["", "human_01"],
                leases=[0, 1],
                values=[0.02, 0.0, 0.0, 0.03],
                reasons=["", ""],
            )
        )

    def all_subscribed(self) -> bool:
        """Return whether the node subscribes to all topics."""
        publishers = (self.states, self.actions, self.signals, self.tables)
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
    running.wait_for(lambda: not fleet.signals.get_subscription_count())


@pytest.mark.parametrize("values", [[1.0], [float("nan")] * 12])
def test_invalid_states_are_skipped(running, fleet, values):
    arrays = []
    running.fleet.create_subscription(MarkerArray, "/fleet/markers", arrays.append, TRANSIENT_LOCAL_1000)
    running.wait_for(fleet.all_subscribed)
    fleet.observe(0, values=values)
    fleet.decide(0)
    fleet.act(0)
    running.wait_for(lambda: arrays)
    assert ("robot_01", "body") not in shown(arrays[-1])
    assert ("robot_01", "driver") in shown(arrays[-1])


def test_every_robot_may_have_a_driver_of_its_own(running, fleet):
    """As many ticks as are stored, with one message per robot, are published before the node reads any."""
    arrays = []
    running.fleet.create_subscription(MarkerArray, "/fleet/markers", arrays.append, TRANSIENT_LOCAL_1)
    running.wait_for(fleet.all_subscribed)
    for tick in range(markers_node.STORED_TICKS):
        for robot, name in enumerate(NAMES):
            one = {"robots": [name], "values": [0.01 * tick, 0.1 * robot, 1.0, 0.0, -0.15, 0.15]}
            rest = ("episodes", "violated", "succeeded", "rewards", "successes", "hard_resets", "unreachable")
            zeros = {"violated": [False], "succeeded": [False], "rewards": [0.0], "unreachable": [""]}
            fleet.observe(tick, **one, **{field: zeros.get(field, [0]) for field in rest})
    collector = running.node._collector
    fleet.decide(0)
    running.wait_for(lambda: len(collector._ticks) == markers_node.STORED_TICKS)
    assert all(messages.unreachable.keys() == set(NAMES) for messages in collector._ticks.values())
