"""The adapter connects carts with their own topics to the fleet, and stops them when they must not move."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rclpy
import yaml
from cart import CONTRACT, Cart
from conftest import BackgroundNodes
from fleet_topics import ActionPublisher, RobotRow, subscribe_to_rows
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from fleet_common.jpeg import from_jpeg
from fleet_common.qos import BEST_EFFORT_1, liveliness
from robot_driver.adapter_node import AdapterNode

FLEET = {
    "fleet": "carts",
    "robots": {"contract": "cart.yaml", "count": 2},
    "environment": {"backend": "ros", "task": "drive"},
    "supervisors": {"count": 1, "styles": ["any"]},
    "policy": {"checkpoint": None},
    "training": {"demonstrations": "none.npz"},
}
PATIENCE_S = 20.0


class Fleet:
    """The rest of a fleet: a gate that moves all robots at every tick."""

    def __init__(self, folder: Path, mode: str) -> None:
        (folder / "cart.yaml").write_text(yaml.safe_dump(CONTRACT))
        (folder / "fleet.yaml").write_text(yaml.safe_dump(FLEET | {"tick": {"mode": mode}}))
        rclpy.init(args=["--ros-args", "-p", f"run_dir:={folder}"])
        self.carts = [Cart(name) for name in ("robot_01", "robot_02")]
        self.adapter = AdapterNode()
        self.gate = rclpy.create_node("gate")
        self.observations: list[list[RobotRow]] = [[], []]
        self.statuses: list[list[RobotRow]] = [[], []]
        self.speed = 0.2
        self._actions = ActionPublisher(self.gate)
        subscribe_to_rows(self.gate, self._answer)
        self.alive = self.gate.create_publisher(Bool, "fleet/emergency_stopped", liveliness(0.2))
        self.alive.publish(Bool(data=False))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.adapter)
        self._executor.add_node(self.gate)
        self._background = BackgroundNodes(self.carts)

    def _answer(self, row: RobotRow) -> None:
        robot = int(row.robot[-2:]) - 1
        if row.observed:
            self.observations[robot].append(row)
        self.statuses[robot].append(row)
        moves = bool(self.speed) and not row.unreachable
        self._actions.publish(row.tick, {row.robot: [self.speed, 0.0] if moves else []})

    def wait(self, condition):
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until, "timeout"
            self._executor.spin_once(timeout_sec=0.01)

    def speed_of(self, robot: int) -> float:
        commands = self.carts[robot].commands
        return commands[-1][1].twist.linear.x if commands else 0.0

    def close(self):
        self.adapter.close()
        self._executor.shutdown()
        self._background.end()
        self.adapter.destroy_node()
        self.gate.destroy_node()
        rclpy.shutdown()


@pytest.fixture(params=["lockstep", "real_time"])
def fleet(tmp_path, request):
    made = Fleet(tmp_path, request.param)
    yield made
    made.close()


def test_carts_are_observed_and_driven_tick_by_tick(fleet):
    fleet.wait(lambda: all(len(received) >= 5 for received in fleet.observations))
    fleet.wait(lambda: all(received[-1].values[0] > 0.04 for received in fleet.observations))
    for received in fleet.observations:
        assert [message.tick for message in received[:5]] == list(range(5))
        places = [message.values[0] for message in received[:5]]
        assert places == sorted(places)


def test_the_video_shows_what_the_cart_sees(fleet):
    seen = []
    fleet.gate.create_subscription(CompressedImage, "robot_01/video/compressed", seen.append, BEST_EFFORT_1)
    # The first pictures may be older than the camera's first.
    fleet.wait(lambda: seen and from_jpeg(bytes(seen[-1].data)).any())
    picture = from_jpeg(bytes(seen[-1].data))
    assert picture.shape == (24, 32, 3)
    assert picture[12, 4, 0] > 150, "the lamp is on the left"
    assert picture[12, 28, 0] < 50


def test_a_silent_cart_is_left_out_until_it_is_readmitted(fleet):
    fleet.speed = 0.02
    fleet.wait(lambda: len(fleet.observations[1]) >= 2)
    fleet.carts[1].publishes = False
    silent_s = time.monotonic()
    fleet.wait(lambda: fleet.statuses[1][-1].unreachable)
    assert time.monotonic() - silent_s < 0.3 + 0.3
    fleet.wait(lambda: fleet.speed_of(1) == 0)
    ticks, seen = len(fleet.observations[0]), len(fleet.observations[1])
    fleet.wait(lambda: len(fleet.observations[0]) >= ticks + 3)
    fleet.carts[1].publishes = True
    fleet.wait(lambda: "reachable again, waiting to be readmitted" in fleet.statuses[1][-1].unreachable)
    assert len(fleet.observations[1]) == seen
    assert fleet.speed_of(1) == 0
    client = fleet.gate.create_client(Trigger, "robot_02/readmit")
    fleet.wait(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    fleet.wait(answer.done)
    assert answer.result().success
    fleet.wait(lambda: len(fleet.observations[1]) > seen and fleet.speed_of(1) > 0)


def test_nothing_moves_without_the_gate(fleet):
    fleet.wait(lambda: fleet.speed_of(0) > 0)
    fleet.speed = 0.0
    fleet.gate.destroy_publisher(fleet.alive)
    fleet.wait(lambda: fleet.speed_of(0) == 0 and fleet.speed_of(1) == 0)


def test_an_emergency_stop_holds_immediately(fleet):
    fleet.wait(lambda: fleet.speed_of(0) > 0)
    fleet.speed = 0.0
    fleet.alive.publish(Bool(data=True))
    fleet.wait(lambda: fleet.speed_of(0) == 0 and fleet.speed_of(1) == 0)
