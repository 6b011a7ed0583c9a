"""The rules of the push task, for simulated and real cells: which robots push, and the outcome of their pushes.

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
"""Cosine of the tilt below which a cube has toppled."""


class PushRules:
    """Goals and violations of N push cells (IIFL section 5.3)."""

    def __init__(self, contract: RobotContract, robots: int) -> None:
        self.task = PushTask(robots, PushGeometry.of(contract))
        self._violated_N = np.zeros(robots, dtype=np.bool_)

    def pushes(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which robots push, (N,): those that MOVE, are not in violation, and whose push is long enough."""
        long_enough_N = np.hypot(actions_NA[:, 0], actions_NA[:, 1]) >= SHORTEST_PUSH_M
        return np.asarray((np.asarray(kinds_N) == ActionKind.MOVE) & ~self._violated_N & long_enough_N)

    def judge(
        self,
        pushed_N: NDArray[np.bool_],
        touched_N: NDArray[np.bool_],
        poses_N3: NDArray[np.float64],
        upright_N: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Update violations and goals after pushes, and return which pushes succeeded, (N,).

        A push that touches the obstacle or a wall is a violation, even if it ends in the goal. A robot that reaches its goal gets the
        next one, opposite to the cube's new position.

        Args:
            pushed_N: which robots pushed.
            touched_N: which cubes touched the obstacle or a wall.
            poses_N3: x, y and yaw of the cubes now, m and radians.
            upright_N: cosine of the cubes' tilt.
        """
        cubes_N2 = poses_N3[:, :2]
        fallen_N = self.task.outside(cubes_N2) | (upright_N < LEAST_UPRIGHT)
        self._violated_N |= pushed_N & (touched_N | fallen_N)
        succeeded_N = pushed_N & ~self._violated_N & self.task.in_goal(cubes_N2)
        reached_I = np.flatnonzero(succeeded_N)
        self.task.set_goals(reached_I, cubes_N2[reached_I])
        return succeeded_N

    def put_right(self, robots_I: NDArray[np.int64], cubes_I2: NDArray[np.float64]) -> None:
        """End the violations of robots whose cubes a person has put in place, and put the goals opposite to the cubes."""
        self.task.set_goals(robots_I, cubes_I2)
        self._violated_N[robots_I] = False

    def outcome(
        self, poses_N3: NDArray[np.float64], succeeded_N: NDArray[np.bool_], reset_N: NDArray[np.bool_]
    ) -> Step:
        """Return the step of all robots; episodes of this task have no time limit.

        Args:
            poses_N3: x, y and yaw of the cubes now, m and radians.
            succeeded_N: which pushes succeeded.
            reset_N: which robots had a hard reset.
        """
        return Step(
            states_NS=self.task.states(poses_N3),
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N,
            violated_N=self._violated_N.copy(),
            terminated_N=succeeded_N | reset_N,
            truncated_N=np.zeros_like(reset_N),
        )
