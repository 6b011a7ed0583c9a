"""What every robot driver must do, as tests: derive from `DriverConformance` and say how to make one.

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

    from robot_driver.driver import RobotDriver
    from robot_driver.step import Step

POLL_S = 0.005


class DriverConformance:
    """Tests of the `RobotDriver` Protocol. Name the derived class Test..., so that pytest collects it."""

    robots = 2
    tolerance = 0.0
    """How far two looks at a robot that stands still may differ, in the contract's units."""
    patience_s = 30.0
    """Time that a motion takes at most."""
    can_be_lost = True
    """Whether robots can get out of reach."""

    def make(self) -> RobotDriver:
        """A new driver of `robots` robots that are all within reach."""
        raise NotImplementedError

    def lose(self, driver: RobotDriver, robot: int) -> None:
        """Put one robot out of reach; where robots share a link, others may be lost with it, but not robot 0 with the last."""
        raise NotImplementedError

    def find(self, driver: RobotDriver, robot: int) -> None:
        """Put it within reach again."""
        raise NotImplementedError

    def move(self, driver: RobotDriver) -> NDArray[np.float64]:
        """Actions, (N, A), that change what every robot observes, wherever it is."""
        return np.tile(driver.contract.action_high_A / 2, (driver.robots, 1))

    def test_names_its_contract_and_robots(self) -> None:
        with self._started() as driver:
            assert driver.robots == self.robots
            assert driver.contract.action_dim == len(driver.contract.action.quantities)

    def test_robots_are_observed_before_they_have_done_anything(self) -> None:
        with self._started() as driver:
            step = self._observed(driver)
            self._assert_fits(driver, step)
            assert not (step.rewards_N.any() | step.succeeded_N.any() | step.episode_over_N.any())
            assert driver.unreachable() == ("",) * self.robots

    def test_robots_that_hold_stay(self) -> None:
        with self._started() as driver:
            before = self._observed(driver)
            driver.begin(np.full(self.robots, ActionKind.HOLD), self.move(driver))
            self._assert_still(before, self._observed(driver))

    def test_only_the_robot_that_is_told_moves(self) -> None:
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
    def test_what_does_not_fit_is_refused_and_moves_nothing(self, fault: str) -> None:
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
            with pytest.raises(ValueError, match=r"shape|kinds|allowed"):
                driver.begin(kinds_N, actions_NA)
            self._assert_still(before, self._observed(driver))

    def test_a_stopped_robot_can_be_told_to_move_again(self) -> None:
        with self._started() as driver:
            self._observed(driver)
            moves_N = np.full(self.robots, ActionKind.MOVE)
            driver.begin(moves_N, self.move(driver))
            driver.stop()
            stopped = self._observed(driver)
            driver.begin(np.full(self.robots, ActionKind.HOLD), self.move(driver))
            self._assert_still(stopped, self._observed(driver))
            # The first may be what it takes to be ready again, and on a busy machine one may come too late.
            for _ in range(3):
                driver.begin(moves_N, self.move(driver))
                after = self._observed(driver)
            assert (np.abs(after.states_NS - stopped.states_NS).max(axis=1) > self.tolerance).all()

    def test_images_have_the_contracts_size(self) -> None:
        with self._started() as driver:
            self._observed(driver)
            camera = driver.contract.observation.camera
            if camera is None:
                for look in (driver.images, driver.camera_matrix):
                    with pytest.raises(RuntimeError, match="no camera"):
                        look()
                return
            images = driver.images()
            assert images.shape == (self.robots, camera.height, camera.width, 3)
            assert images.dtype == np.uint8
            assert driver.camera_matrix().shape == (3, 3)

    def test_video_has_the_contracts_size(self) -> None:
        with self._started() as driver:
            self._observed(driver)
            if driver.contract.operation is None:
                with pytest.raises(RuntimeError, match=r"no camera|no operation"):
                    driver.video(0)
                return
            video = driver.contract.operation.video
            for robot in range(self.robots):
                picture = driver.video(robot)
                assert picture.shape == (video.height, video.width, 3)
                assert picture.dtype == np.uint8

    def test_a_lost_robot_is_unreachable_and_the_others_go_on(self) -> None:
        with self._with_a_lost_robot() as (driver, lost):
            before = self._observed(driver)
            driver.begin(np.full(self.robots, ActionKind.MOVE), self.move(driver))
            after = self._observed(driver)
            assert driver.unreachable()[lost]
            assert not driver.unreachable()[0]
            assert np.abs(after.states_NS[0] - before.states_NS[0]).max() > self.tolerance

    def test_a_lost_robot_comes_back_only_when_a_person_wants_it(self) -> None:
        with self._with_a_lost_robot() as (driver, lost):
            self.find(driver, lost)
            for _ in range(3):
                driver.begin(np.full(self.robots, ActionKind.HOLD), self.move(driver))
                self._observed(driver)
                assert driver.unreachable()[lost]
            self._wait(lambda: not driver.readmit(lost))
            self._wait(lambda: driver.unreachable() == ("",) * self.robots)
            before = self._observed(driver)
            driver.begin(np.full(self.robots, ActionKind.MOVE), self.move(driver))
            assert np.abs(self._observed(driver).states_NS[lost] - before.states_NS[lost]).max() > self.tolerance

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
            pytest.skip("these robots are always there")
        with self._started() as driver:
            self._observed(driver)
            lost = self.robots - 1
            self.lose(driver, lost)
            self._wait(lambda: bool(driver.unreachable()[lost]))
            yield driver, lost

    def _wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + self.patience_s
        while not condition():
            assert time.monotonic() < until, "in vain"
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
        for flags_N in (step.rewards_N, step.succeeded_N, step.violated_N, step.episode_over_N):
            assert flags_N.shape == shape[:1]
