"""The 2D navigation maze of IIFL (figure 1 and section 5.1), in numpy.

"Discrete 2D states s = (x, y) in N^2 (the Cartesian pose of the robot) and continuous 2D actions a = (dx, dy) in
[-1, 1]^2 (relative changes)": a move ends in the middle of the cell that it leads into, wind included. An action that is
less than half a cell is therefore no move; so the mean of "up" and "down" makes no progress past the fork, as in the paper.
With a pose that adds up actions, and robots that observe its cell, the mean drifts to the side that slightly
more demonstrations took. The layout is `MAZE_LAYOUT`.

N robots, I some of them, S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.action import ActionKind
from fleet_contract.quantity import Quantity
from fleet_contract.validation import InputError
from robot_driver.action_check import checked_actions
from robot_driver.cameras import NoCameras
from robot_driver.step import Step, uneventful_step
from sim_bridge.environment import RobotBatch
from sim_bridge.maze.layout import MAZE_LAYOUT
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

MAZE_CONTRACT = TaskContract(
    observed=(
        Quantity(name="x", unit="1", low=0, high=MAZE_LAYOUT.columns - 1),
        Quantity(name="y", unit="1", low=0, high=MAZE_LAYOUT.rows - 1),
    ),
    moved_by={"dx": "1", "dy": "1"},
    meaning="displacement",
)
WIND = 0.75
"""Wind of the paper, upwards, cells per step."""
HORIZON = 250
"""Moves after which an episode is truncated; the path to the goal takes about 170."""


class Maze(NoCameras, RobotBatch):
    """Robots in a maze, which do not meet; after construction they are reset with seed 0. Nothing is random.

    A robot that touches the obstacle or another wall stays there, in constraint violation, until a hard reset. A robot that reaches
    the goal succeeds, with reward 1. Episodes are truncated after `HORIZON` moves, and all start at the same place.
    """

    no_camera = "robots in the maze have no camera"

    def __init__(self, contract: RobotContract, robots: int, wind: float) -> None:
        """Place the robots at the start.

        Args:
            contract: the robots' contract.
            robots: number of robots.
            wind: cells by which the wind shifts upwards every move that begins in the windy segment; robots that hold stay.

        Raises:
            InputError: the contract's quantities are not those of this task, or it has a camera.
            ValueError: there are no robots.
        """
        super().__init__(contract, robots)
        MAZE_CONTRACT.require(contract)
        if contract.observation.camera is not None:
            raise InputError(f"robot {contract.robot}: observation.camera: expected none in the maze, got one.")
        self._wind = wind
        self._poses_N2 = np.zeros((robots, 2))
        self._violated_N = np.zeros(robots, dtype=np.bool_)
        self._moves_N = np.zeros(robots, dtype=np.int64)
        self.reset(0)

    @override
    def reset(self, seed: int) -> Step:
        self._start_episodes(np.arange(self.robots))
        return uneventful_step(self._states())

    @override
    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        moves_N2 = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        moving_N = (np.asarray(kinds_N) == ActionKind.MOVE) & ~self._violated_N
        resets_N = np.asarray(kinds_N) == ActionKind.HARD_RESET

        first, last = MAZE_LAYOUT.windy
        windy_N = (self._poses_N2[:, 0] >= first) & (self._poses_N2[:, 0] < last)
        moves_N2[:, 1] += self._wind * windy_N
        moves_N2[~moving_N] = 0.0
        moves_N2 = np.floor(self._poses_N2 + moves_N2 + 0.5) - self._poses_N2
        touches_N = MAZE_LAYOUT.first_touch(self._poses_N2, moves_N2)
        self._poses_N2 += moves_N2 * np.minimum(touches_N, 1.0)[:, None]
        self._moves_N += moving_N
        self._violated_N |= moving_N & np.isfinite(touches_N)
        moved_N = moving_N & ~self._violated_N

        arrived_N = np.hypot(*(self._poses_N2 - MAZE_LAYOUT.goal).T) <= MAZE_LAYOUT.goal_radius
        succeeded_N = moved_N & arrived_N
        terminated_N = succeeded_N | resets_N
        truncated_N = moved_N & ~succeeded_N & (self._moves_N >= HORIZON)
        self._start_episodes(np.flatnonzero(terminated_N | truncated_N))
        return Step(
            states_NS=self._states(),
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N,
            violated_N=self._violated_N.copy(),
            terminated_N=terminated_N,
            truncated_N=truncated_N,
        )

    @override
    def close(self) -> None:
        """Do nothing: the maze holds no resources."""

    def _start_episodes(self, robots_I: NDArray[np.int64]) -> None:
        """Put robots at the start of the maze."""
        self._poses_N2[robots_I] = MAZE_LAYOUT.start
        self._violated_N[robots_I] = False
        self._moves_N[robots_I] = 0

    def _states(self) -> NDArray[np.float64]:
        """Return the observed cells, (N, S)."""
        last_cell = (MAZE_LAYOUT.columns - 1, MAZE_LAYOUT.rows - 1)
        # Clipped, because the point of a wall that a robot touches may round to a cell outside.
        return np.clip(np.rint(self._poses_N2), 0.0, last_cell)
