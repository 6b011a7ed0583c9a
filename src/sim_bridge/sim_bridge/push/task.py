"""The push task without physics: start poses, goals, observations and success.

N robots, I some of them, S state dim. IIFL section 5.3 and appendix 7.3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.quantity import Quantity
from fleet_contract.validation import InputError
from sim_bridge.push.geometry import PUSH_GEOMETRY, PushGeometry
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import ImageStream, RobotContract

SIDES = 4
"""Number of the obstacle's sides, on one of which a cube starts."""
START_RADIAL_M, START_ALONG_M = 0.02, 0.04
"""Largest deviations of start positions, away from the obstacle and along it, in a cell of `PUSH_GEOMETRY`'s size."""
START_YAW_RAD = 0.35
"""Largest deviation of start yaws."""


class PushTask:
    """The goals and start poses of N cells. Robot i draws from a generator of its own, so that it does not depend on N."""

    def __init__(self, robots: int, geometry: PushGeometry = PUSH_GEOMETRY) -> None:
        self.geometry = geometry
        self.goals_N2: NDArray[np.float64] = np.zeros((robots, 2))
        """Centres of the goal regions, m."""
        self._generators: list[np.random.Generator] = []

    def start(self, seed: int) -> NDArray[np.float64]:
        """Seed all robots and return the cubes' start poses x, y, yaw, (N, 3), m and radians.

        Raises:
            ValueError: the seed is negative.
        """
        robots = len(self.goals_N2)
        self._generators = [np.random.default_rng([seed, robot]) for robot in range(robots)]
        return self.reset(np.arange(robots))

    def reset(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        """Put the goals opposite to random start poses, and return these: x, y, yaw, (I, 3), m and radians."""
        poses_I3 = np.array([self._start_pose(self._generators[robot]) for robot in robots_I]).reshape(-1, 3)
        self.set_goals(robots_I, poses_I3[:, :2])
        return poses_I3

    def set_goals(self, robots_I: NDArray[np.int64], cubes_I2: NDArray[np.float64]) -> None:
        """Put the goals diametrically opposite to the cubes, but only where a cube in the goal would touch nothing."""
        nearest, farthest = self.geometry.placed_nearest_m, self.geometry.placed_farthest_m
        ring_I = np.max(np.abs(cubes_I2), axis=1)
        self.goals_N2[robots_I] = -cubes_I2 * (np.clip(ring_I, nearest, farthest) / ring_I)[:, None]

    def in_goal(self, cubes_N2: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether each cube is in its goal region, (N,)."""
        offset_N2 = cubes_N2 - self.goals_N2
        return np.hypot(offset_N2[:, 0], offset_N2[:, 1]) <= self.geometry.goal_radius_m

    def outside(self, cubes_N2: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether each cube has left the workspace or lies on the obstacle, (N,)."""
        ring_N = np.max(np.abs(cubes_N2), axis=1)
        return np.asarray((ring_N > self.geometry.workspace_half_m) | (ring_N < self.geometry.obstacle_half_m))

    def touching(self, poses_N3: NDArray[np.float64], within_m: float) -> NDArray[np.bool_]:
        """Return whether each cube, at x, y, yaw, is within `within_m` of the obstacle or a wall, (N,)."""
        half_m = self.geometry.cube_side_m / 2
        cos_N, sin_N = np.cos(poses_N3[:, 2]), np.sin(poses_N3[:, 2])
        reach_N = half_m * (np.abs(cos_N) + np.abs(sin_N))
        x_N, y_N = poses_N3[:, 0], poses_N3[:, 1]
        ring_N = np.maximum(np.abs(x_N), np.abs(y_N))
        at_wall_N = ring_N + reach_N > self.geometry.workspace_half_m - within_m
        # Two squares are apart if they are apart along a side of one of them (separating axis theorem).
        obstacle_m = self.geometry.obstacle_half_m + within_m
        turned_N = np.maximum(np.abs(x_N * cos_N + y_N * sin_N), np.abs(y_N * cos_N - x_N * sin_N))
        apart_N = (ring_N > obstacle_m + reach_N) | (turned_N > half_m + obstacle_m * (np.abs(cos_N) + np.abs(sin_N)))
        return np.asarray(at_wall_N | ~apart_N)

    def states(self, poses_N3: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the observations, (N, S), at the cubes' poses x, y, yaw, m and radians."""
        half = self.geometry.workspace_half_m
        quarter_turns_N = 4 * poses_N3[:, 2]
        turned_N2 = np.stack([np.cos(quarter_turns_N), np.sin(quarter_turns_N)], axis=1)
        return np.hstack([np.clip(poses_N3[:, :2], -half, half), turned_N2, self.goals_N2])

    def _start_pose(self, generator: np.random.Generator) -> NDArray[np.float64]:
        half = self.geometry.workspace_half_m
        scale = half / PUSH_GEOMETRY.workspace_half_m
        middle = (self.geometry.obstacle_half_m + half) / 2
        angle = generator.integers(SIDES) * np.pi / 2
        out = middle + generator.uniform(-START_RADIAL_M * scale, START_RADIAL_M * scale)
        along = generator.uniform(-START_ALONG_M * scale, START_ALONG_M * scale)
        yaw = generator.uniform(-START_YAW_RAD, START_YAW_RAD)
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array([out * cos - along * sin, out * sin + along * cos, yaw])


def require_push_contract(contract: RobotContract) -> None:
    """Refuse a contract with other quantities than this task's; the workspace may have any width.

    Raises:
        InputError: names, units, meaning or image encoding differ, or the ranges of the coordinates do.
    """
    half_m = PushGeometry.of(contract).workspace_half_m
    coordinate, turned = {"unit": "m", "low": -half_m, "high": half_m}, {"unit": "1", "low": -1.0, "high": 1.0}
    ranges = {"cube_x": coordinate, "cube_y": coordinate, "cube_yaw_cos4": turned, "cube_yaw_sin4": turned}
    ranges |= {"goal_x": coordinate, "goal_y": coordinate}
    TaskContract(
        observed=tuple(Quantity(name=name, **of) for name, of in ranges.items()),
        moved_by={"dx": "m", "dy": "m"},
        meaning="push_vector",
    ).require(contract)
    push_camera(contract)


def push_camera(contract: RobotContract) -> ImageStream:
    """Return the contract's camera above the workspace.

    Raises:
        InputError: the contract has no camera, or its images have no colours.
    """
    if contract.require_camera().encoding == "mono8":
        raise InputError(f"robot {contract.robot}: observation.camera.encoding: expected rgb8 or bgr8, got mono8.")
    return contract.require_camera()
