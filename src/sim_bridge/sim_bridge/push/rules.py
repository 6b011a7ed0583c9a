"""Who may push, and what a push has led to: the rules of the push task for whoever moves and sees the cubes.

N robots, I some of them, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.action import ActionKind
from robot_driver.step import Step
from sim_bridge.push.geometry import PushGeometry
from sim_bridge.push.plan import SHORTEST_PUSH_M
from sim_bridge.push.task import PushTask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

LEAST_UPRIGHT = 0.9
"""Cosine of the tilt beyond which a cube counts as toppled."""


class PushRules:
    """Goals and violations of N push cells (IIFL section 5.3)."""

    def __init__(self, contract: RobotContract, robots: int) -> None:
        self.task = PushTask(robots, PushGeometry.of(contract))
        self._violated_N = np.zeros(robots, dtype=np.bool_)

    def pushes(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which robots push, (N,): those that are told to, and are not in violation."""
        long_enough_N = np.hypot(actions_NA[:, 0], actions_NA[:, 1]) >= SHORTEST_PUSH_M
        return np.asarray((np.asarray(kinds_N) == ActionKind.MOVE) & ~self._violated_N & long_enough_N)

    def judge(
        self,
        pushed_N: NDArray[np.bool_],
        touched_N: NDArray[np.bool_],
        poses_N3: NDArray[np.float64],
        upright_N: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Which pushes have succeeded, (N,).

        A push that touches the obstacle or a wall violates, even where it would have ended in the goal. A robot that
        reaches its goal gets the next one, opposite the cube's new position.

        Args:
            pushed_N: which robots have pushed.
            touched_N: which cubes have touched the obstacle or a wall.
            poses_N3: x, y and yaw of the cubes now, m and radians.
            upright_N: cosine of the cubes' tilt.
        """
        cubes_N2 = poses_N3[:, :2]
        lost_N = self.task.outside(cubes_N2) | (upright_N < LEAST_UPRIGHT)
        self._violated_N |= pushed_N & (touched_N | lost_N)
        succeeded_N = pushed_N & ~self._violated_N & self.task.in_goal(cubes_N2)
        reached_I = np.flatnonzero(succeeded_N)
        self.task.set_goals(reached_I, cubes_N2[reached_I])
        return succeeded_N

    def put_right(self, robots_I: NDArray[np.int64], cubes_I2: NDArray[np.float64]) -> None:
        """A person has put these cubes where they are: the violations are over, and the goals are opposite."""
        self.task.set_goals(robots_I, cubes_I2)
        self._violated_N[robots_I] = False

    def outcome(
        self, poses_N3: NDArray[np.float64], succeeded_N: NDArray[np.bool_], reset_N: NDArray[np.bool_]
    ) -> Step:
        """What became of the robots whose cubes are there now."""
        return Step(
            states_NS=self.task.states(poses_N3),
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N,
            violated_N=self._violated_N.copy(),
            terminated_N=succeeded_N | reset_N,
            truncated_N=np.zeros_like(reset_N),
        )
