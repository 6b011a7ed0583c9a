"""A task: robots walk to goals in a square and must not leave it. N robots, S = 4: position and goal."""

import numpy as np

from fleet_contract.action import ActionKind
from robot_driver.action_check import checked_actions
from robot_driver.cameras import NoCameras
from robot_driver.step import Step, uneventful_step
from sim_bridge.environment import RobotBatch

SIDE, REACH = 10.0, 0.5
"""Side of the square, and distance at which a goal is reached, in cells."""


class Grid(NoCameras, RobotBatch):
    """Robots start at random places. A robot at the edge is in violation until a hard reset; one that reaches its goal succeeds."""

    def __init__(self, request):
        super().__init__(request.contract, request.robots)
        self.reset(0)

    def reset(self, seed):
        # A generator per robot, so that a robot does not depend on how many there are.
        self._generators = [np.random.default_rng([seed, robot]) for robot in range(self.robots)]
        self._states_NS = np.zeros((self.robots, 4))
        self._violated_N = np.zeros(self.robots, dtype=np.bool_)
        self._start(np.ones(self.robots, dtype=np.bool_))
        return uneventful_step(self._states_NS.copy())

    def step(self, kinds_N, actions_NA):
        moves_N2 = checked_actions(self.contract, self.robots, kinds_N, actions_NA)
        moving_N = (kinds_N == ActionKind.MOVE) & ~self._violated_N
        positions_N2, goals_N2 = self._states_NS[:, :2], self._states_NS[:, 2:]
        positions_N2[moving_N] = np.clip(positions_N2 + moves_N2, 0.0, SIDE)[moving_N]
        self._violated_N |= moving_N & ((positions_N2 == 0.0) | (positions_N2 == SIDE)).any(axis=1)
        succeeded_N = moving_N & ~self._violated_N & (np.hypot(*(goals_N2 - positions_N2).T) < REACH)
        terminated_N = succeeded_N | (kinds_N == ActionKind.HARD_RESET)
        self._start(terminated_N)
        rewards_N, truncated_N = succeeded_N.astype(np.float64), np.zeros_like(terminated_N)
        return Step(self._states_NS.copy(), rewards_N, succeeded_N, self._violated_N.copy(), terminated_N, truncated_N)

    def close(self):
        """Do nothing: there is no simulator to close."""

    def _start(self, robots_N):
        for robot in np.flatnonzero(robots_N):
            self._states_NS[robot] = self._generators[robot].uniform(1.0, SIDE - 1.0, 4)
        self._violated_N[robots_N] = False
