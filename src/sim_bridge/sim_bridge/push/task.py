"""Rules of the push task, without physics: starts, goals, observations, success.

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
START_RADIAL_M, START_ALONG_M = 0.02, 0.04
"""By which starts differ, in a cell of `PUSH_GEOMETRY`'s size."""
START_YAW_RAD = 0.35


class PushTask:
    """What the robots are asked for. Robot i draws from its own generator, so it does not depend on N."""

    def __init__(self, robots: int, geometry: PushGeometry = PUSH_GEOMETRY) -> None:
        self.geometry = geometry
        self.goals_N2: NDArray[np.float64] = np.zeros((robots, 2))
        """Centres of the goal regions, m."""
        self._generators: list[np.random.Generator] = []

    def start(self, seed: int) -> NDArray[np.float64]:
        """Begin anew: the cubes' poses x, y, yaw, (N, 3), m and radians.

        Raises:
            ValueError: the seed is negative.
        """
        robots = len(self.goals_N2)
        self._generators = [np.random.default_rng([seed, robot]) for robot in range(robots)]
        return self.reset(np.arange(robots))

    def reset(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        """The cubes on a random side of the obstacle, their goals opposite: poses x, y, yaw, (I, 3), m and radians."""
        poses_I3 = np.array([self._start_pose(self._generators[robot]) for robot in robots_I]).reshape(-1, 3)
        self.set_goals(robots_I, poses_I3[:, :2])
        return poses_I3

    def set_goals(self, robots_I: NDArray[np.int64], cubes_I2: NDArray[np.float64]) -> None:
        """Put the goals diametrically opposite the cubes, drawn in where a cube in the goal would touch something."""
        nearest, farthest = self.geometry.placed_nearest_m, self.geometry.placed_farthest_m
        ring_I = np.max(np.abs(cubes_I2), axis=1)
        self.goals_N2[robots_I] = -cubes_I2 * (np.clip(ring_I, nearest, farthest) / ring_I)[:, None]

    def in_goal(self, cubes_N2: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which cubes are in their goal region, (N,)."""
        offset_N2 = cubes_N2 - self.goals_N2
        return np.hypot(offset_N2[:, 0], offset_N2[:, 1]) <= self.geometry.goal_radius_m

    def outside(self, cubes_N2: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which cubes have left the workspace or lie on the obstacle, (N,)."""
        ring_N = np.max(np.abs(cubes_N2), axis=1)
        return np.asarray((ring_N > self.geometry.workspace_half_m) | (ring_N < self.geometry.obstacle_half_m))

    def touching(self, poses_N3: NDArray[np.float64], within_m: float) -> NDArray[np.bool_]:
        """Which cubes, at x, y, yaw, are so near to the obstacle or a wall, (N,)."""
        half_m = self.geometry.cube_side_m / 2
        cos_N, sin_N = np.cos(poses_N3[:, 2]), np.sin(poses_N3[:, 2])
        reach_N = half_m * (np.abs(cos_N) + np.abs(sin_N))
        x_N, y_N = poses_N3[:, 0], poses_N3[:, 1]
        ring_N = np.maximum(np.abs(x_N), np.abs(y_N))
        at_wall_N = ring_N + reach_N > self.geometry.workspace_half_m - within_m
        # Two squares are apart if they are apart along a side of either (separating axes).
        obstacle_m = self.geometry.obstacle_half_m + within_m
        turned_N = np.maximum(np.abs(x_N * cos_N + y_N * sin_N), np.abs(y_N * cos_N - x_N * sin_N))
        apart_N = (ring_N > obstacle_m + reach_N) | (turned_N > half_m + obstacle_m * (np.abs(cos_N) + np.abs(sin_N)))
        return np.asarray(at_wall_N | ~apart_N)

    def states(self, poses_N3: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observations by the contract, (N, S), for the cubes' poses x, y, yaw, m and radians."""
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
    """Refuse a contract whose numbers are not those of this task, in a workspace of any width.

    Raises:
        BadInput: names, units, meaning or image encoding differ, or the ranges of the coordinates do.
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
    """The camera above the workspace.

    Raises:
        BadInput: there is none, or it sees no colours.
    """
    if contract.require_camera().encoding == "mono8":
        raise InputError(f"robot {contract.robot}: observation.camera.encoding: found mono8, allowed are rgb8, bgr8.")
    return contract.require_camera()
