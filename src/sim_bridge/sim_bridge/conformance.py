"""Conformance tests of environments: derive from `EnvironmentConformance` and implement `make`.

N robots, S state dim, A action dim, T steps, H image rows, W image columns.
"""
# ruff: noqa: D102, S101 - these are tests

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fleet_contract.action import ActionKind
from robot_driver.conformance import assert_no_cameras, fitting_images, fitting_videos

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fleet_contract.robot import ImageStream
    from robot_driver.step import Step
    from sim_bridge.environment import Environment


class EnvironmentConformance:
    """Tests of the `Environment` Protocol. Name the derived class Test..., so that pytest collects it."""

    tolerance = 0.0
    """Largest difference between two runs that should be the same, in the contract's units."""
    steps = 20
    """Number of steps of the runs."""
    steps_to_violate: int | None = 100
    """Random steps after which at least one of three robots is in violation (None: there are no violations)."""
    random = True
    """Whether robots and seeds differ if their actions are the same."""
    time_limit: int | None = None
    """Moves after which an episode is truncated (None: later than a test can take, or never)."""

    def make(self, robots: int) -> Environment:
        """Return a new environment with that many robots."""
        raise NotImplementedError

    def test_names_its_contract_and_robots(self) -> None:
        with self._made(3) as environment:
            assert environment.robots == 3
            assert environment.contract.action_dim == len(environment.contract.action.quantities)

    def test_reset_starts_episodes_without_reward_or_violation(self) -> None:
        with self._made(3) as environment:
            step = environment.reset(0)
            self._assert_fits(environment, step)
            assert not step.rewards_N.any()
            assert not (step.succeeded_N | step.violated_N | step.terminated_N | step.truncated_N).any()

    def test_steps_fit_the_contract(self) -> None:
        with self._made(3) as environment:
            for step in self._run(environment, seed=1, steps=self.steps):
                self._assert_fits(environment, step)

    def test_same_seed_same_run(self) -> None:
        with self._made(3) as environment, self._made(3) as other:
            first, again = (list(self._run(environment, seed=2, steps=self.steps)) for _ in range(2))
            elsewhere = list(self._run(other, seed=2, steps=self.steps))
            for step, second, third in zip(first, again, elsewhere, strict=True):
                self._assert_same(step, second)
                self._assert_same(step, third)

    def test_another_seed_is_another_run_if_there_is_randomness(self) -> None:
        with self._made(3) as environment:
            first, other = (self._states_under_equal_actions(environment, seed) for seed in (3, 4))
            assert np.allclose(first, other) != self.random

    def test_robots_differ_if_there_is_randomness(self) -> None:
        with self._made(3) as environment:
            states_TNS = self._states_under_equal_actions(environment, seed=5)
            assert len(np.unique(states_TNS, axis=1).swapaxes(0, 1)) == (3 if self.random else 1)

    def test_a_robot_does_not_depend_on_the_number_of_robots(self) -> None:
        with self._made(1) as alone, self._made(3) as among:
            for one, three in zip(self._run(alone, 6, self.steps), self._run(among, 6, self.steps), strict=True):
                self._assert_same(one, three, robots=1)

    def test_steps_belong_to_the_caller(self) -> None:
        with self._made(2) as environment:
            first = environment.reset(7)
            kept = first.states_NS.copy()
            first.states_NS[:] = np.nan
            first.violated_N[:] = True
            held = self._hold(environment)
            np.testing.assert_allclose(held.states_NS, kept, rtol=0, atol=self.tolerance)
            assert not held.violated_N.any()

    def test_hold_changes_nothing(self) -> None:
        with self._made(3) as environment:
            *_, before = self._run(environment, seed=8, steps=3)
            for _ in range(3):
                after = self._hold(environment)
                np.testing.assert_allclose(after.states_NS, before.states_NS, rtol=0, atol=self.tolerance)
                np.testing.assert_array_equal(after.violated_N, before.violated_N)
                assert not (after.succeeded_N | after.terminated_N | after.truncated_N).any()
                assert not after.rewards_N.any()

    def test_rows_of_robots_that_do_not_move_are_ignored(self) -> None:
        with self._made(2) as environment:
            before = environment.reset(9)
            kinds_N = np.array([ActionKind.HOLD, ActionKind.HARD_RESET])
            after = environment.step(kinds_N, np.full((2, environment.contract.action_dim), np.nan))
            np.testing.assert_allclose(after.states_NS[0], before.states_NS[0], rtol=0, atol=self.tolerance)

    def test_violation_lasts_until_a_hard_reset(self) -> None:
        with self._made(3) as environment:
            violated = self._violated(environment)
            robot = int(np.flatnonzero(violated.violated_N)[0])
            rng = np.random.default_rng(0)
            for _ in range(3):
                moved = environment.step(np.full(3, ActionKind.MOVE), self._actions(environment, rng))
                assert moved.violated_N[robot]
                assert not moved.succeeded_N[robot]
                assert not moved.episode_over_N[robot], "a violation ends no episode"
                np.testing.assert_allclose(
                    moved.states_NS[robot], violated.states_NS[robot], rtol=0, atol=self.tolerance
                )
            kinds_N = np.where(np.arange(3) == robot, ActionKind.HARD_RESET, ActionKind.HOLD)
            reset = environment.step(kinds_N, self._actions(environment, rng))
            assert reset.terminated_N[robot]
            assert not reset.truncated_N[robot]
            assert not reset.violated_N[robot]
            assert not reset.succeeded_N[robot]
            others_N = np.arange(3) != robot
            np.testing.assert_array_equal(reset.violated_N[others_N], moved.violated_N[others_N])
            assert not reset.episode_over_N[others_N].any()

    def test_a_violation_ends_no_episode(self) -> None:
        with self._made(3) as environment:
            violated = self._violated(environment)
            assert not (violated.violated_N & violated.episode_over_N).any()

    def test_an_episode_is_truncated_at_its_time_limit_and_not_terminated(self) -> None:
        if self.time_limit is None:
            pytest.skip("the time limit of these robots is not tested here")
        with self._made(2) as environment:
            environment.reset(16)
            # Zeros do not move these robots, or not far: the time limit ends their episodes before anything else does.
            moves_N, actions_NA = np.full(2, ActionKind.MOVE), np.zeros((2, environment.contract.action_dim))
            for move in range(1, self.time_limit + 2):
                step = environment.step(moves_N, actions_NA)
                assert step.truncated_N.tolist() == [move == self.time_limit] * 2
                assert not step.terminated_N.any()
                assert not step.violated_N.any()

    def test_a_robot_without_violation_can_be_reset(self) -> None:
        with self._made(2) as environment:
            start_NS = environment.reset(10).states_NS
            run = (step for step in self._run(environment, seed=10, steps=self.steps) if not step.violated_N.any())
            before = next(step for step in run if not np.allclose(step.states_NS, start_NS))
            after = environment.step(np.full(2, ActionKind.HARD_RESET), np.zeros((2, environment.contract.action_dim)))
            assert after.terminated_N.all()
            assert not after.truncated_N.any()
            assert not after.violated_N.any()
            assert not np.allclose(after.states_NS, before.states_NS)

    @pytest.mark.parametrize(
        "fault", ["kinds shape", "actions shape", "robots", "kind", "nan", "infinite", "high", "low"]
    )
    def test_invalid_actions_are_refused_and_change_nothing(self, fault: str) -> None:
        with self._made(2) as environment:
            contract = environment.contract
            before = environment.reset(11)
            kinds_N = np.full(2, ActionKind.MOVE, dtype=np.int64)
            actions_NA = np.tile((contract.action_low_A + contract.action_high_A) / 2, (2, 1))
            span_A = contract.action_high_A - contract.action_low_A
            if fault == "kinds shape":
                kinds_N = kinds_N[:, None]
            elif fault == "actions shape":
                actions_NA = actions_NA[:, :-1]
            elif fault == "robots":
                kinds_N, actions_NA = kinds_N[:1], actions_NA[:1]
            elif fault == "kind":
                kinds_N[1] = max(ActionKind) + 1
            else:
                worst = {"nan": np.nan, "infinite": np.inf, "high": contract.action_high_A[-1] + 0.01 * span_A[-1]}
                actions_NA[1, -1] = worst.get(fault, contract.action_low_A[-1] - 0.01 * span_A[-1])
            with pytest.raises(ValueError, match="expected"):
                environment.step(kinds_N, actions_NA)
            np.testing.assert_allclose(self._hold(environment).states_NS, before.states_NS, rtol=0, atol=self.tolerance)

    def test_limits_rounded_to_float32_are_still_allowed(self) -> None:
        with self._made(1) as environment:
            environment.reset(12)
            for bound_A in (environment.contract.action_low_A, environment.contract.action_high_A):
                environment.step(np.array([ActionKind.MOVE]), bound_A.astype(np.float32).astype(np.float64)[None])

    def test_images_have_the_contracts_size_and_show_each_robot(self) -> None:
        with self._made(3) as environment:
            self._camera(environment)
            environment.reset(13)
            images = fitting_images(environment, environment.contract, 3)
            assert not np.array_equal(images[0], images[1])
            assert not np.array_equal(images[1], images[2])
            self._hold(environment)
            np.testing.assert_array_equal(environment.images(), images)

    def test_video_shows_the_one_robot_in_the_size_for_operators(self) -> None:
        with self._made(3) as environment:
            environment.reset(15)
            videos = fitting_videos(environment, environment.contract, 3)
            if not videos:
                return
            similarities = [[self._similarity(image, video) for video in videos] for image in environment.images()]
            assert np.argmax(similarities, axis=1).tolist() == [0, 1, 2], "each robot's video resembles its own image"

    def test_images_show_a_move(self) -> None:
        with self._made(2) as environment:
            self._camera(environment)
            environment.reset(14)
            before = environment.images().copy()
            rng = np.random.default_rng(1)
            environment.step(np.array([ActionKind.MOVE, ActionKind.HOLD]), self._actions(environment, rng))
            after = environment.images()
            assert not np.array_equal(after[0], before[0])
            np.testing.assert_array_equal(after[1], before[1])

    def test_the_camera_is_a_pinhole_with_its_centre_in_the_image(self) -> None:
        with self._made(1) as environment:
            camera, matrix = self._camera(environment), environment.camera_matrix()
            assert matrix.shape == (3, 3)
            assert matrix[0, 0] > 0
            assert matrix[1, 1] > 0
            assert 0 < matrix[0, 2] < camera.width
            assert 0 < matrix[1, 2] < camera.height
            np.testing.assert_array_equal(matrix[2], [0, 0, 1])

    def test_robots_without_camera_have_no_images(self) -> None:
        with self._made(1) as environment:
            if environment.contract.observation.camera is not None:
                pytest.skip("these robots have a camera")
            assert_no_cameras(environment)

    def test_close_may_be_called_again(self) -> None:
        environment = self.make(1)
        environment.reset(0)
        environment.close()
        environment.close()

    @contextmanager
    def _made(self, robots: int) -> Iterator[Environment]:
        environment = self.make(robots)
        try:
            yield environment
        finally:
            environment.close()

    @staticmethod
    def _similarity(image: NDArray[np.uint8], video: NDArray[np.uint8]) -> float:
        """Return the correlation of brightness between the same parts of two images."""
        small, other = (
            cv2.resize(pixels, (24, 24), interpolation=cv2.INTER_AREA).astype(float).mean(-1).ravel()
            for pixels in (image, video)
        )
        return float(np.corrcoef(small, other)[0, 1])

    @staticmethod
    def _camera(environment: Environment) -> ImageStream:
        camera = environment.contract.observation.camera
        if camera is None:
            pytest.skip("these robots have no camera")
        return camera

    def _actions(self, environment: Environment, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return random actions, (N, A); those of a robot do not depend on N."""
        low_A, high_A = environment.contract.action_low_A, environment.contract.action_high_A
        draw = int(rng.integers(2**32))
        own = [np.random.default_rng([draw, robot]) for robot in range(environment.robots)]
        return np.stack([generator.uniform(low_A, high_A) for generator in own])

    def _run(self, environment: Environment, seed: int, steps: int) -> Iterator[Step]:
        """Run random actions, and a hard reset after a violation."""
        rng = np.random.default_rng(seed)
        step = environment.reset(seed)
        for _ in range(steps):
            kinds_N = np.where(step.violated_N, ActionKind.HARD_RESET, ActionKind.MOVE)
            step = environment.step(kinds_N, self._actions(environment, rng))
            yield step

    def _states_under_equal_actions(self, environment: Environment, seed: int) -> NDArray[np.float64]:
        """Return observations (T, N, S) of robots with the same actions, without hard resets."""
        rng = np.random.default_rng(0)
        low_A, high_A = environment.contract.action_low_A, environment.contract.action_high_A
        kinds_N = np.full(environment.robots, ActionKind.MOVE)
        states = [environment.reset(seed).states_NS]
        for _ in range(self.steps):
            actions_NA = np.tile(rng.uniform(low_A, high_A), (environment.robots, 1))
            states.append(environment.step(kinds_N, actions_NA).states_NS)
        return np.stack(states)

    def _violated(self, environment: Environment) -> Step:
        if self.steps_to_violate is None:
            pytest.skip("these robots have no violations")
        rng = np.random.default_rng(15)
        environment.reset(15)
        for _ in range(self.steps_to_violate):
            step = environment.step(np.full(environment.robots, ActionKind.MOVE), self._actions(environment, rng))
            if step.violated_N.any():
                return step
        raise AssertionError(f"no robot in violation after {self.steps_to_violate} random steps")

    @staticmethod
    def _hold(environment: Environment) -> Step:
        shape = (environment.robots, environment.contract.action_dim)
        return environment.step(np.full(environment.robots, ActionKind.HOLD), np.zeros(shape))

    @staticmethod
    def _assert_fits(environment: Environment, step: Step) -> None:
        contract, robots = environment.contract, environment.robots
        assert step.states_NS.shape == (robots, contract.state_dim)
        assert step.states_NS.dtype == np.float64
        assert step.rewards_N.shape == (robots,)
        assert step.rewards_N.dtype == np.float64
        for flags_N in (step.succeeded_N, step.violated_N, step.terminated_N, step.truncated_N, step.episode_over_N):
            assert flags_N.shape == (robots,)
            assert flags_N.dtype == np.bool_
        assert np.isfinite(step.states_NS).all()
        assert np.isfinite(step.rewards_N).all()
        quantities = contract.observation.state.quantities
        assert (step.states_NS >= [quantity.low for quantity in quantities]).all()
        assert (step.states_NS <= [quantity.high for quantity in quantities]).all()
        assert not (step.succeeded_N & step.violated_N).any()
        assert not (step.terminated_N & step.truncated_N).any()
        np.testing.assert_array_equal(step.episode_over_N, step.terminated_N | step.truncated_N)
        assert not (step.succeeded_N & ~step.episode_over_N).any(), "a success ends its episode"

    def _assert_same(self, one: Step, other: Step, robots: int | None = None) -> None:
        for field in fields(one):
            np.testing.assert_allclose(
                getattr(one, field.name)[:robots],
                getattr(other, field.name)[:robots],
                rtol=0,
                atol=self.tolerance,
                err_msg=field.name,
            )
