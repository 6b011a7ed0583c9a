"""Images are joined to the states with the same stamp, whichever arrives first."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import RobotStates as StatesMessage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from fleet_common import observations
from fleet_common.node import FleetNode
from fleet_common.observations import subscribe_to_observations
from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.fleet import read_fleet
from fleet_contract.images import fill_message

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/block_push.yaml").with_changes(
    source="test", robots={"count": 2}, supervisors={"count": 1}
)
NAMES, CONTRACT = FLEET.robot_names, FLEET.contract()
CAMERA = CONTRACT.require_camera()


def stamp(tick) -> Time:
    return Time(sec=100 + tick, nanosec=7)


def pixels(robot, tick):
    return np.random.default_rng([robot, tick]).integers(0, 255, (CAMERA.height, CAMERA.width, 3), dtype=np.uint8)


def state(robot, tick):
    return [robot + 0.001 * tick] * CONTRACT.state_dim


class Driver:
    """Publishes states and images, and knows what a node has received of them."""

    def __init__(self, peers, stream) -> None:
        self.peers, self.updates = peers, []
        subscribe_to_observations(
            peers.node, stream, lambda states, observed: self.updates.append((states, observed)), TRANSIENT_LOCAL_1000
        )
        node = peers.rest
        self.states = node.create_publisher(StatesMessage, "fleet/states", TRANSIENT_LOCAL_100)
        self.cameras = [node.create_publisher(Image, f"{name}/{CAMERA.topic}", TRANSIENT_LOCAL_100) for name in NAMES]

    def send_states(self, tick, unreachable=("", ""), **changes) -> None:
        values = [number for robot in range(2) for number in state(robot, tick)]
        message = StatesMessage(
            header=Header(stamp=stamp(tick)),
            tick=tick,
            robots=NAMES,
            episodes=[0, 0],
            values=values,
            violated=[False, False],
            succeeded=[False, False],
            rewards=[0.0, 0.0],
            successes=[0, 0],
            hard_resets=[0, 0],
            unreachable=unreachable,
        )
        for name, change in changes.items():
            setattr(message, name, change)
        self.peers.deliver(self.states, message)

    def send_image(self, robot, tick, image=None) -> None:
        message = Image(header=Header(stamp=stamp(tick)))
        fill_message(message, pixels(robot, tick) if image is None else image, CAMERA.encoding)
        self.peers.deliver(self.cameras[robot], message)

    @property
    def ticks(self) -> list[int]:
        """Ticks of the states that the node was called with."""
        return [at.tick for states, _ in self.updates for at in states]

    @property
    def observed(self) -> list[tuple[int, int]]:
        """Robot and tick of the observations that the node was called with, in their order."""
        return [(at.robot, at.tick) for _, observed in self.updates for at in observed]

    def wait_for_observed(self, count) -> list[tuple[int, int]]:
        self.peers.wait_for(lambda: len(self.observed) >= count)
        self.require_pixels()
        return self.observed

    def require_pixels(self) -> None:
        """Compare all images that have been received with those that were sent."""
        for _, observed in self.updates:
            for at in observed:
                np.testing.assert_array_equal(at.observation, pixels(at.robot, at.tick))
                assert at.stamp == stamp(at.tick)


@pytest.fixture
def peers(start, tmp_path):
    FLEET.write(tmp_path / "fleet.yaml")
    return start(lambda: FleetNode("policy"), run_dir=tmp_path)


@pytest.fixture
def driver(peers):
    return Driver(peers, "camera")


def test_images_that_arrive_before_their_states(driver):
    for tick in range(3):
        for robot in range(2):
            driver.send_image(robot, tick)
        driver.send_states(tick)
        assert sorted(driver.wait_for_observed(2 * tick + 2)) == sorted(
            (r, t) for r in range(2) for t in range(tick + 1)
        )
    assert driver.ticks == [0, 1, 2]
    assert len(driver.updates) == 3, "states and their images are one update"


def test_images_that_arrive_after_their_states(driver):
    for tick in range(3):
        driver.send_states(tick)
        driver.peers.wait_for(lambda tick=tick: driver.ticks[-1:] == [tick])
        assert len(driver.observed) == 2 * tick
        driver.send_image(1, tick)
        assert driver.wait_for_observed(2 * tick + 1)[-1] == (1, tick)
        driver.send_image(0, tick)
        assert driver.wait_for_observed(2 * tick + 2)[-1] == (0, tick)
    assert driver.ticks == [0, 1, 2]


def test_an_image_that_is_later_than_expected_is_not_lost(driver, monkeypatch):
    """In lockstep, the fleet would wait for it forever."""
    monkeypatch.setattr(observations, "IMAGE_PATIENCE_S", 0.01)
    driver.send_states(0)
    driver.peers.wait_for(lambda: driver.ticks == [0])
    driver.peers.spin(5 * observations.LOST_IMAGE_POLL_S)
    driver.send_image(0, 0)
    assert driver.wait_for_observed(1) == [(0, 0)]
    driver.peers.spin(5 * observations.LOST_IMAGE_POLL_S)
    driver.send_image(1, 0)
    assert driver.wait_for_observed(2) == [(0, 0), (1, 0)]


def test_a_lost_image_delays_no_other(driver):
    driver.send_image(0, 0)
    driver.send_states(0)
    assert driver.wait_for_observed(1) == [(0, 0)]
    for robot in range(2):
        driver.send_image(robot, 1)
    driver.send_states(1)
    assert sorted(driver.wait_for_observed(3)) == [(0, 0), (0, 1), (1, 1)]
    driver.peers.spin(0.2)
    assert len(driver.observed) == 3


def test_an_image_of_another_size_is_logged_and_dropped(driver, capfd):
    driver.send_image(0, 0, np.zeros((CAMERA.height, CAMERA.width + 1, 3), np.uint8))
    driver.send_image(1, 0)
    driver.send_states(0)
    assert driver.wait_for_observed(1) == [(1, 0)]
    size = f"{CAMERA.width}x{CAMERA.height} rgb8, got {CAMERA.width + 1}x{CAMERA.height} rgb8"
    assert f"robot_01/{CAMERA.topic}: expected {size}\n" in capfd.readouterr().err
    driver.send_image(0, 0)
    assert driver.wait_for_observed(2) == [(1, 0), (0, 0)]


@pytest.mark.parametrize("images_first", [False, True])
def test_no_image_is_lost_when_many_ticks_arrive_at_once(driver, images_first):
    """A node that is busy for some seconds, such as a trainer that reads its files, receives many ticks at once."""
    ticks = 90

    def send_images() -> None:
        for tick in range(ticks):
            for robot in range(2):
                driver.send_image(robot, tick)

    if images_first:
        send_images()
    for tick in range(ticks):
        driver.send_states(tick)
    if not images_first:
        send_images()
    found = driver.wait_for_observed(2 * ticks)
    assert sorted(found) == [(robot, tick) for robot in range(2) for tick in range(ticks)]
    for robot in range(2):
        assert [tick for of, tick in found if of == robot] == list(range(ticks))


def test_unreachable_robots_are_not_observed(driver):
    driver.send_image(0, 0)
    driver.send_states(0, unreachable=("", "link lost"), values=[*state(0, 0), *[math.nan] * CONTRACT.state_dim])
    assert driver.wait_for_observed(1) == [(0, 0)]
    assert driver.updates[0][0][0].unreachable == ("", "link lost")
    driver.peers.spin(0.2)
    assert driver.observed == [(0, 0)]


def test_states_without_images_are_observations_themselves(peers):
    driver = Driver(peers, "state")
    for tick in range(3):
        driver.send_states(tick)
    peers.wait_for(lambda: driver.ticks == [0, 1, 2])
    assert driver.observed == [(robot, tick) for tick in range(3) for robot in range(2)]
    for _, observed in driver.updates:
        for at in observed:
            assert at.observation.tolist() == state(at.robot, at.tick)
            assert at.stamp == stamp(at.tick)


def test_no_states_are_lost_in_a_burst_that_a_busy_node_receives_at_once(peers):
    """Learners must not miss a tick; the publisher stores 100 messages, the subscriber more."""
    driver = Driver(peers, "state")
    for tick in range(400):
        driver.send_states(tick)
    peers.wait_for(lambda: len(driver.ticks) >= 400)
    assert driver.ticks == list(range(400))
    assert len(driver.updates) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"robots": ["robot_01", "robot_99"]}, "robots: expected different robots of this fleet, got ['robot_99']"),
        ({"rewards": [0.0]}, "rewards: expected one entry for each of 2 robots, got 1"),
        ({"values": [0.0]}, f"values: expected {CONTRACT.state_dim} for each of 2 robots, got 1"),
    ],
)
def test_states_that_do_not_fit_are_logged_and_dropped(peers, capfd, changes, sentence):
    driver = Driver(peers, "state")
    driver.send_states(0, **changes)
    driver.send_states(1)
    peers.wait_for(lambda: driver.ticks)
    assert driver.ticks == [1]
    assert f"fleet/states: {sentence}\n" in capfd.readouterr().err
