"""Rules of the push task, without physics: starts, goals, observations, success.

N robots, I some of them, S state dim. IIFL section 5.3 and appendix 7.3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.door import BadInput
from fleet_contract.robot import Quantity
from sim_bridge.push_geometry import PUSH_GEOMETRY, PushGeometry
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import ImageStream, RobotContract

HALF_M = PUSH_GEOMETRY.workspace_half_m
PUSH_CONTRACT = TaskContract(
    observed=(
        Quantity(name="cube_x", unit="m", low=-HALF_M, high=HALF_M),
        Quantity(name="cube_y", unit="m", low=-HALF_M, high=HALF_M),
        Quantity(name="cube_yaw_cos4", unit="1", low=-1.0, high=1.0),
        Quantity(name="cube_yaw_sin4", unit="1", low=-1.0, high=1.0),
        Quantity(name="goal_x", unit="m", low=-HALF_M, high=HALF_M),
        Quantity(name="goal_y", unit="m", low=-HALF_M, high=HALF_M),
    ),
    moved_by={"dx": "m", "dy": "m"},
    meaning="push_vector",
)
SIDES = 4
START_RADIAL_M = 0.02
START_ALONG_M = 0.04
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

    def states(self, poses_N3: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observations of `PUSH_CONTRACT`, (N, S), for the cubes' poses x, y, yaw, m and radians."""
        half = self.geometry.workspace_half_m
        quarter_turns_N = 4 * poses_N3[:, 2]
        turned_N2 = np.stack([np.cos(quarter_turns_N), np.sin(quarter_turns_N)], axis=1)
        return np.hstack([np.clip(poses_N3[:, :2], -half, half), turned_N2, self.goals_N2])

    def _start_pose(self, generator: np.random.Generator) -> NDArray[np.float64]:
        geometry = self.geometry
        middle = (geometry.obstacle_half_m + geometry.workspace_half_m) / 2
        angle = generator.integers(SIDES) * np.pi / 2
        out = middle + generator.uniform(-START_RADIAL_M, START_RADIAL_M)
        along = generator.uniform(-START_ALONG_M, START_ALONG_M)
        yaw = generator.uniform(-START_YAW_RAD, START_YAW_RAD)
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array([out * cos - along * sin, out * sin + along * cos, yaw])


def require_push_contract(contract: RobotContract) -> None:
    """Refuse a contract whose numbers are not those of this task.

    Raises:
        BadInput: names, units, meaning or image encoding differ.
    """
    PUSH_CONTRACT.require(contract)
    push_camera(contract)


def push_camera(contract: RobotContract) -> ImageStream:
    """The camera above the workspace.

    Raises:
        BadInput: there is none, or it sees no colours.
    """
    if contract.camera.encoding == "mono8":
        raise BadInput(f"robot {contract.robot}: observation.camera.encoding: found mono8, allowed are rgb8, bgr8.")
    return contract.camera
