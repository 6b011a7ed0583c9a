"""Conformance tests of robot drivers: derive from `DriverConformance` and implement how to make, lose and find a driver's robots.

N robots, S state dim, A action dim.
"""
# ruff: noqa: D102, S101 - these are tests

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fleet_contract.action import ActionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from robot_driver.cameras import Cameras
    from robot_driver.driver import RobotDriver
    from robot_driver.step import Step

POLL_S = 0.005
"""Period, s, at which the tests poll a condition."""


def assert_no_cameras(cameras: Cameras) -> None:
    """Assert that all requests for images are refused."""
    for request in (cameras.images, cameras.camera_matrix):
        with pytest.raises(RuntimeError, match="no camera"):
            request()


def fitting_images(cameras: Cameras, contract: RobotContract, robots: int) -> NDArray[np.uint8]:
    """Return the images of robots with a camera, after asserting that they have the contract's size."""
    camera = contract.require_camera()
    images = cameras.images()
    assert images.shape == (robots, camera.height, camera.width, 3)
    assert images.dtype == np.uint8
    return images


def fitting_videos(cameras: Cameras, contract: RobotContract, robots: int) -> list[NDArray[np.uint8]]:
    """Return the video of every robot, after asserting that it has the contract's size; none if the contract has no operation."""
    if contract.operation is None:
        with pytest.raises(RuntimeError, match=r"no camera|no operation"):
            cameras.video(0)
        return []
    video = contract.operation.video
    videos = [cameras.video(robot) for robot in range(robots)]
    for pixels in videos:
        assert pixels.shape == (video.height, video.width, 3)
        assert pixels.dtype == np.uint8
    return videos


class DriverConformance:
    """Tests of the `RobotDriver` Protocol. Name the derived class Test..., so that pytest collects it."""

    robots = 2
    tolerance = 0.0
    """Largest difference between two observations of a robot at rest, in the contract's units."""
    patience_s = 30.0
    """Longest duration of a motion, s."""
    can_be_lost = True
    """Whether robots can become unreachable."""

    def make(self) -> RobotDriver:
        """Return a new driver of `robots` robots, all of which are reachable."""
        raise NotImplementedError

    def lose(self, driver: RobotDriver, robot: int) -> None:
        """Make one robot unreachable. Robots that share its connection may be lost with it, but not robot 0 with the last one."""
        raise NotImplementedError

    def find(self, driver: RobotDriver, robot: int) -> None:
        """Restore the connection to the robot."""
        raise NotImplementedError

    def move(self, driver: RobotDriver) -> NDArray[np.float64]:
        """Return actions, (N, A), that change the observation of every robot, wherever it is."""
        return np.tile(driver.contract.action_high_A / 2, (driver.robots, 1))

    def test_names_its_contract_and_robots(self) -> None:
        with self._started() as driver:
            assert driver.robots == self.robots
            assert driver.contract.action_dim == len(driver.contract.action.quantities)

    def test_robots_are_observed_before_their_first_action(self) -> None:
        with self._started() as driver:
            step = self._observed(driver)
            self._assert_fits(driver, step)
            assert not (step.rewards_N.any() | step.succeeded_N.any() | step.episode_over_N.any())
            assert driver.unreachable() == ("",) * self.robots

    def test_robots_that_hold_do_not_move(self) -> None:
        with self._started() as driver:
            before = self._observed(driver)
            driver.begin(np.full(self.robots, ActionKind.HOLD), self.move(driver))
            self._assert_still(before, self._observed(driver))

    def test_only_the_robot_with_an_action_moves(self) -> None:
        with self._started() as driver:
            before = self._observed(driver)
            kinds_N = np.full(self.robots, ActionKind.HOLD)
            kinds_N[0] = ActionKind.MOVE
            driver.begin(kinds_N, self.move(driver))
            after = self._observed(driver)
            self._assert_fits(driver, after)
            moved_N = np.abs(after.states_NS - before.states_NS).max(axis=1) > self.tolerance
            assert moved_N.tolist() == [True] + [False] * (self.robots - 1)

    @pytest.mark.parametrize("fault", ["kinds", "actions", "robots", "kind", "nan", "high", "low"])
    def test_invalid_actions_are_refused_and_nothing_moves(self, fault: str) -> None:
        with self._started() as driver:
            before = self._observed(driver)
            kinds_N, actions_NA = np.full(self.robots, ActionKind.MOVE, dtype=np.int64), self.move(driver)
            match fault:
                case "kinds":
                    kinds_N = kinds_N[:, None]
                case "actions":
                    actions_NA = actions_NA[:, :-1]
                case "robots":
                    kinds_N, actions_NA = kinds_N[:1], actions_NA[:1]
                case "kind":
                    kinds_N[-1] = max(ActionKind) + 1
                case "nan":
                    actions_NA[-1, -1] = np.nan
                case "high":
                    actions_NA[-1, -1] = 1.01 * driver.contract.action_high_A[-1]
                case "low":
                    actions_NA[-1, -1] = 1.01 * driver.contract.action_low_A[-1]
            with pytest.raises(ValueError, match="expected"):
                driver.begin(kinds_N, actions_NA)
            self._assert_still(before, self._observed(driver))

    def test_a_stopped_robot_can_move_again(self) -> None:
        with self._started() as driver:
            self._observed(driver)
            moves_N = np.full(self.robots, ActionKind.MOVE)
            driver.begin(moves_N, self.move(driver))
            driver.stop()
            stopped = self._observed(driver)
            driver.begin(np.full(self.robots, ActionKind.HOLD), self.move(driver))
            self._assert_still(stopped, self._observed(driver))
            # The first action may only make the robot ready again, and on a busy machine one may arrive too late.
            for _ in range(3):
                driver.begin(moves_N, self.move(driver))
                after = self._observed(driver)
            assert (np.abs(after.states_NS - stopped.states_NS).max(axis=1) > self.tolerance).all()

    def test_images_have_the_contracts_size(self) -> None:
        with self._started() as driver:
            self._observed(driver)
            if driver.contract.observation.camera is None:
                assert_no_cameras(driver)
                return
            fitting_images(driver, driver.contract, self.robots)
            assert driver.camera_matrix().shape == (3, 3)

    def test_video_has_the_contracts_size(self) -> None:
        with self._started() as driver:
            self._observed(driver)
            fitting_videos(driver, driver.contract, self.robots)

    def test_a_lost_robot_is_unreachable_and_the_others_continue(self) -> None:
        with self._with_a_lost_robot() as (driver, lost):
            before = self._observed(driver)
            driver.begin(np.full(self.robots, ActionKind.MOVE), self.move(driver))
            after = self._observed(driver)
            assert driver.unreachable()[lost]
            assert not driver.unreachable()[0]
            assert np.abs(after.states_NS[0] - before.states_NS[0]).max() > self.tolerance

    def test_a_lost_robot_is_readmitted_only_by_a_person(self) -> None:
        with self._with_a_lost_robot() as (driver, lost):
            self.find(driver, lost)
            for _ in range(3):
                driver.begin(np.full(self.robots, ActionKind.HOLD), self.move(driver))
                self._observed(driver)
                assert driver.unreachable()[lost]
            self._wait(lambda: not driver.readmit(lost))
            self._wait(lambda: driver.unreachable() == ("",) * self.robots)
            before = self._observed(driver)
            # On a busy machine, one action may arrive too late.
            for _ in range(3):
                driver.begin(np.full(self.robots, ActionKind.MOVE), self.move(driver))
                after = self._observed(driver)
            assert np.abs(after.states_NS[lost] - before.states_NS[lost]).max() > self.tolerance

    def test_close_may_be_called_again(self) -> None:
        with self._started() as driver:
            self._observed(driver)
            driver.close()

    @contextmanager
    def _started(self) -> Iterator[RobotDriver]:
        driver = self.make()
        try:
            driver.start(0)
            yield driver
        finally:
            driver.close()

    @contextmanager
    def _with_a_lost_robot(self) -> Iterator[tuple[RobotDriver, int]]:
        if not self.can_be_lost:
            pytest.skip("these robots are always reachable")
        with self._started() as driver:
            self._observed(driver)
            lost = self.robots - 1
            self.lose(driver, lost)
            self._wait(lambda: bool(driver.unreachable()[lost]))
            yield driver, lost

    def _wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + self.patience_s
        while not condition():
            assert time.monotonic() < until, "timeout"
            time.sleep(POLL_S)

    def _observed(self, driver: RobotDriver) -> Step:
        self._wait(lambda: driver.observed() is not None)
        step = driver.observed()
        assert step is not None
        return step

    def _assert_still(self, before: Step, after: Step) -> None:
        np.testing.assert_allclose(after.states_NS, before.states_NS, rtol=0, atol=self.tolerance)

    @staticmethod
    def _assert_fits(driver: RobotDriver, step: Step) -> None:
        shape = (driver.robots, driver.contract.state_dim)
        assert step.states_NS.shape == shape
        assert np.isfinite(step.states_NS).all()
        for array_N in (step.rewards_N, step.succeeded_N, step.violated_N, step.terminated_N, step.truncated_N):
            assert array_N.shape == shape[:1]
        assert not (step.terminated_N & step.truncated_N).any()
