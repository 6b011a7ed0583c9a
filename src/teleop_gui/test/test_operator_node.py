"""Checks over real topics what an operator's station shows and sends about an alarm."""

from __future__ import annotations

import time

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from cell import CONFIG, STATE
from display import TIMEOUT_S
from fleet_interfaces.action import Supervise
from fleet_interfaces.msg import Lease, LeaseTable, RobotActions, RobotStates
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CompressedImage

from fleet_common.jpeg import to_jpeg
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_contract.fleet import Fleet, read_fleet
from teleop_gui.operator import SETTLE_S
from teleop_gui.operator_node_base import OperatorNodeBase

NAMES = ["robot_01", "robot_02"]
STRIP = np.random.default_rng(0).integers(0, 255, (192, 576, 3), dtype=np.uint8)
TICK = 5
"""First tick of the lease."""


class Station:
    """The node of one operator, and a second node that stands in for the rest of the fleet."""

    def __init__(self, run_dir) -> None:
        rclpy.init(args=["--ros-args", "-p", f"run_dir:={run_dir}"])
        self.node, self.fleet = OperatorNodeBase("station"), rclpy.create_node("fleet")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.fleet)
        self.operator = self.node.add_operator("human_01")
        self.actions: list[RobotActions] = []
        self.fleet.create_subscription(RobotActions, "fleet/teleop_actions", self.actions.append, TRANSIENT_LOCAL_100)
        self._states = self.fleet.create_publisher(RobotStates, "fleet/states", TRANSIENT_LOCAL_100)
        self._tables = self.fleet.create_publisher(LeaseTable, "fleet/leases", TRANSIENT_LOCAL_100)
        self._films = {
            name: self.fleet.create_publisher(CompressedImage, f"{name}/futures/compressed", TRANSIENT_LOCAL_1)
            for name in NAMES
        }

    def wait_for(self, condition):
        until_s = time.monotonic() + TIMEOUT_S
        while not (found := condition()):
            assert time.monotonic() < until_s, f"no success within {TIMEOUT_S:g} s"
            self.executor.spin_once(timeout_sec=0.02)
        return found

    def send_goal(self, token: int = 1):
        """Ask the operator for help with robot_01, and return the handle of the accepted goal."""
        client = ActionClient(self.fleet, Supervise, "human_01/supervise")
        self.wait_for(client.server_is_ready)
        goal = Supervise.Goal(robot="robot_01", lease=token, signal="failure", value=1.4, threshold=1.0)
        sent = client.send_goal_async(goal)
        self.wait_for(sent.done)
        assert sent.result().accepted
        return sent.result()

    def observe(self, tick: int) -> None:
        """Publish the states of a tick; its stamp is one second per tick."""
        message = RobotStates(tick=tick, robots=NAMES, values=[*STATE, *STATE])
        message.header.stamp = Time(sec=tick)
        count = len(NAMES)
        message.episodes = message.successes = message.hard_resets = [0] * count
        message.violated = message.succeeded = [False] * count
        message.rewards, message.unreachable = [0.0] * count, [""] * count
        self._states.publish(message)

    def lease(self, tick: int, token: int = 1) -> None:
        """Publish the table of a tick, in which human_01 has robot_01 because of a failure; token 0 is no lease."""
        lease = Lease(robot="robot_01", supervisor="human_01", token=token, since_tick=tick, signal="failure")
        lease.value, lease.threshold = 1.4, 1.0
        table = LeaseTable(tick=tick, leases=[lease] if token else [])
        table.header.stamp = Time(sec=tick)
        self._tables.publish(table)
        self.wait_for(lambda: self.operator.token == token)

    def publish_film(self, name: str, sec: int, data: bytes) -> None:
        message = CompressedImage(format="jpeg", data=data)
        message.header.stamp = Time(sec=sec)
        self._films[name].publish(message)

    def shown(self) -> bytes:
        """Return the JPEG of the futures that the operator sees; empty without any."""
        futures = self.operator.view().futures
        return futures.jpeg if futures else b""

    def for_a_while(self) -> None:
        until_s = time.monotonic() + 1.0
        while time.monotonic() < until_s:
            self.executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.fleet.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def station(tmp_path):
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    tree["robots"]["count"], tree["supervisors"]["count"], tree["supervisors"]["operators"] = 2, 1, 1
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    station = Station(tmp_path)
    yield station
    station.close()


def test_a_dismissal_ends_the_goal_and_the_robot_holds_at_this_tick(station):
    handle = station.send_goal()
    station.observe(TICK)
    station.lease(TICK)
    result = handle.get_result_async()
    station.wait_for(lambda: station.operator.picture_age_s > SETTLE_S)
    assert not result.done()
    assert station.actions == []
    station.operator.press("d")
    station.wait_for(result.done)
    assert result.result().result.outcome == Supervise.Result.DISMISSED
    station.wait_for(lambda: station.actions)
    held = station.actions[0]
    assert (held.tick, held.robots, list(held.kinds), list(held.leases)) == (TICK, ["robot_01"], [0], [1])


@pytest.mark.parametrize("goals", [(), (2,)])
def test_an_alarm_of_a_lease_without_a_goal_cannot_be_dismissed(station, goals):
    """A station that has restarted has no goal that it could end, or only that of the next lease."""
    station.observe(TICK)
    station.lease(TICK)
    results = [station.send_goal(token).get_result_async() for token in goals]
    station.wait_for(lambda: station.operator.picture_age_s > SETTLE_S)
    station.operator.press("d")
    station.for_a_while()
    assert station.actions == []
    assert not any(result.done() for result in results)


def test_futures_that_are_not_older_than_the_lease_are_shown_while_it_lasts(station):
    new, old = to_jpeg(STRIP), to_jpeg(STRIP[::-1])
    station.publish_film("robot_01", TICK - 1, old)
    station.publish_film("robot_02", TICK, old)
    station.lease(TICK)
    station.for_a_while()
    assert station.shown() == b""
    station.publish_film("robot_01", TICK, new)
    station.wait_for(lambda: station.shown() == new)
    assert station.operator.view().futures.pixels_HW3.shape == STRIP.shape
    station.lease(TICK + 1, token=0)
    assert station.shown() == b""
    station.lease(TICK + 2, token=2)
    station.for_a_while()
    assert station.shown() == b"", "these futures are of the last alarm"


HUGE = bytearray(to_jpeg(STRIP))
_SIZE = HUGE.index(b"\xff\xc0") + 5
HUGE[_SIZE : _SIZE + 4] = b"\xff\xff\xff\xff"


@pytest.mark.parametrize("data", [b"", b"no image", to_jpeg(STRIP)[:100], bytes(HUGE)])
def test_a_broken_film_strip_is_not_shown(station, data):
    station.lease(TICK)
    station.publish_film("robot_01", TICK, data)
    station.for_a_while()
    assert station.shown() == b""
    station.publish_film("robot_01", TICK + 1, to_jpeg(STRIP))
    station.wait_for(station.shown)
