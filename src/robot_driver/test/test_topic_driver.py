"""Drives carts over real topics of their own."""

from __future__ import annotations

import copy
import time
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from cart import CONTRACT, Cart
from conftest import BackgroundNodes
from rclpy.executors import SingleThreadedExecutor

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import validated
from robot_driver.conformance import DriverConformance
from robot_driver.topic_driver import TopicDriver

pytestmark = pytest.mark.usefixtures("ros")
NAMES = ("robot_01", "robot_02")
PATIENCE_S = 20.0


class SpinningDriver(TopicDriver):
    """A driver that spins its node whenever it is asked, because no other thread does."""

    def __init__(self, names, *, continuous=False, contract=CONTRACT):
        node = rclpy.create_node("adapter")
        super().__init__(node, validated(contract, RobotContract, source="cart"), names, continuous=continuous)
        self.carts = [Cart(name) for name in names]
        self._background = BackgroundNodes(self.carts)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)

    def spin(self):
        for _ in range(20):
            self._executor.spin_once(timeout_sec=0)

    def observed(self):
        self.spin()
        return super().observed()

    def unreachable(self):
        self.spin()
        return super().unreachable()

    def close(self):
        if self._background is not None:
            super().close()
            self._background.end()
            self._executor.shutdown()
            self._node.destroy_node()
            self._background = None


@contextmanager
def driver_of(*names, **options):
    driver = SpinningDriver(names, **options)
    try:
        driver.start(0)
        wait(lambda: driver.observed() is not None)
        yield driver
    finally:
        driver.close()


def wait(condition, spin=lambda: None):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "timeout"
        spin()


def command(driver, kind=ActionKind.MOVE, speed=0.4, turn=0.0):
    driver.begin(np.full(driver.robots, kind), np.tile([speed, turn], (driver.robots, 1)))


def stamp_s(message):
    return message.header.stamp.sec + message.header.stamp.nanosec / 1e9


def after(driver):
    wait(lambda: driver.observed() is not None)
    return driver.observed()


class TestTopicDriver(DriverConformance):
    tolerance = 2e-3

    def make(self):
        return SpinningDriver(NAMES)

    def lose(self, driver, robot):
        driver.carts[robot].publishes = False

    def find(self, driver, robot):
        driver.carts[robot].publishes = True


def test_commands_and_observations_are_converted_between_units():
    with driver_of("robot_01") as driver:
        command(driver, speed=0.4, turn=0.5)
        step = after(driver)
        cart = driver.carts[0]
        first = cart.commands[0][1]
        assert first.twist.linear.x == pytest.approx(400.0)
        assert first.twist.angular.z == pytest.approx(np.degrees(0.5))
        assert first.header.stamp.sec > 0
        place_m, wheel_rad = step.states_NS[0]
        assert place_m == pytest.approx(cart.place_mm / 1000)
        assert wheel_rad == pytest.approx(place_m / 0.05)
        assert 0.02 < place_m < 0.1, "about 0.4 m/s for 0.1 s"


def test_a_motion_lasts_one_tick_and_then_the_robot_holds():
    with driver_of("robot_01") as driver:
        command(driver)
        after(driver)
        times_s, messages = zip(*driver.carts[0].commands, strict=True)
        speeds = [message.twist.linear.x for message in messages]
        moves = speeds.count(400.0)
        assert moves >= 2, "repeated"
        assert speeds[:moves] == [400.0] * moves
        assert not any(speeds[moves:])
        assert times_s[moves] - times_s[0] == pytest.approx(0.1, abs=0.05)


def test_commands_to_a_robot_that_holds_stop_after_a_while():
    with driver_of("robot_01") as driver:
        command(driver)
        after(driver)
        quiet_s = time.monotonic()
        wait(lambda: time.monotonic() - driver.carts[0].commands[-1][0] > 0.3, driver.spin)
        assert driver.carts[0].commands[-1][0] - quiet_s < 1.0


@pytest.mark.parametrize("continuous", [False, True])
def test_closing_leaves_the_robot_at_rest(continuous):
    with driver_of("robot_01", continuous=continuous) as driver:
        command(driver)
        cart = driver.carts[0]
        wait(lambda: cart.commands, driver.spin)
        TopicDriver.close(driver)
        wait(lambda: cart.commands[-1][1].twist.linear.x == 0)


def test_a_silent_robot_holds_and_soon_is_unreachable():
    with driver_of("robot_01", continuous=True) as driver:
        command(driver)
        cart = driver.carts[0]
        wait(lambda: cart.commands, driver.spin)
        cart.publishes = False
        silent_s = time.monotonic()
        wait(lambda: driver.unreachable()[0])
        assert time.monotonic() - silent_s < 0.3 + 0.2
        assert "for 0.3 s" in driver.unreachable()[0]
        wait(lambda: cart.commands[-1][1].twist.linear.x == 0, driver.spin)
        command(driver)
        cart.publishes = True
        wait(lambda: driver.unreachable()[0].startswith("reachable again, waiting to be readmitted"))
        assert cart.commands[-1][1].twist.linear.x == 0
        wait(lambda: not driver.readmit(0))
        assert driver.unreachable() == ("",)


def test_a_robot_that_never_publishes_is_unreachable_after_its_timeout(monkeypatch):
    monkeypatch.setattr("robot_driver.native_robot.START_S", 0.5)
    driver = SpinningDriver(NAMES)
    try:
        driver.carts[1].publishes = False
        driver.start(0)
        wait(lambda: driver.observed() is not None)
        assert driver.unreachable()[0] == ""
        assert driver.unreachable()[1] == "no /robot_02/odometer for 0.3 s"
    finally:
        driver.close()


def test_continuous_driving_continues_from_action_to_action_and_ends_without_one():
    with driver_of("robot_01", continuous=True) as driver:
        begun_s = []
        for _ in range(3):
            begun_s.append(time.time())
            command(driver)
            assert driver.observed() is not None, "observed while it moves"
            end_s = time.monotonic() + 0.1
            wait(lambda end_s=end_s: time.monotonic() > end_s, driver.spin)
        cart = driver.carts[0]
        wait(lambda: cart.commands[-1][1].twist.linear.x == 0, driver.spin)
        sent = [(stamp_s(message), message.twist.linear.x) for _, message in cart.commands]
        assert any(speed == 400.0 for _, speed in sent)
        for sent_s, speed in sent:
            last_s = max(begin_s for begin_s in begun_s if begin_s <= sent_s)
            # A busy machine may begin the next action after the previous one is over; then the robot holds in between.
            assert speed == 400.0 or sent_s - last_s >= 0.2 - 1e-3


def test_a_success_counts_once_and_a_violation_lasts_until_a_hard_reset():
    with driver_of("robot_01") as driver:
        successes, steps = 0, []
        while not steps or not steps[-1].violated_N[0]:
            command(driver, speed=0.5)
            steps.append(after(driver))
            assert np.array_equal(steps[-1].succeeded_N, driver.observed().succeeded_N), (
                "the same when it is observed again"
            )
            successes += int(steps[-1].succeeded_N[0])
            assert len(steps) < 20
        assert successes == 1
        assert [step.episode_over_N[0] for step in steps] == [step.succeeded_N[0] for step in steps]
        before = len(driver.carts[0].commands)
        command(driver)
        assert after(driver).violated_N[0]
        assert not any(message.twist.linear.x for _, message in driver.carts[0].commands[before:]), "it is not moved"
        command(driver, ActionKind.HARD_RESET)
        step = after(driver)
        assert (step.violated_N[0], step.episode_over_N[0]) == (False, True)
        assert step.states_NS[0, 0] == pytest.approx(0, abs=1e-3)


def test_images_have_the_contracts_size_and_encoding():
    with driver_of("robot_01") as driver:
        after(driver)
        image = driver.images()[0]
        assert image[0, 0].tolist() == [200, 0, 0]
        assert image[0, -1].tolist() == [0, 0, 0]
        assert driver.video(0)[0, 0].tolist() == [200, 0, 0]
        assert not driver.camera_matrix().any(), "not calibrated"


def test_a_robot_without_camera_and_signals():
    blind = copy.deepcopy(CONTRACT)
    del blind["observation"]["camera"], blind["operation"]
    for part in ("camera", "success", "violation", "hard_reset"):
        del blind["native"][part]
    with driver_of("robot_01", contract=blind) as driver:
        command(driver)
        step = after(driver)
        assert step.states_NS[0, 0] > 0.02
        assert not (step.succeeded_N | step.violated_N).any()
