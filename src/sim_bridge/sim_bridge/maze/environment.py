"""The 2D navigation maze of IIFL (figure 1 and section 5.1), in numpy.

"Discrete 2D states s = (x, y) in N^2 (the Cartesian pose of the robot) and continuous 2D actions a = (dx, dy) in
[-1, 1]^2 (relative changes)": a move ends in the middle of the cell that it leads into, wind included. An action that is
less than half a cell is therefore no move; so the mean of "up" and "down" makes no progress past the fork, as in the paper.
With a pose that adds up actions, and robots that observe its cell, the mean creeps to the side that a few more
demonstrations took. The layout is `MAZE_LAYOUT`.

N robots, I some of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.action import ActionKind
from fleet_contract.quantity import Quantity
from fleet_contract.validation import InputError
from robot_driver.orders import checked_actions
from robot_driver.step import Step
from sim_bridge.maze.layout import MAZE_LAYOUT
from sim_bridge.task_contract import TaskContract
from sim_bridge.without_camera import WithoutCamera

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
"""Of the paper, cells per step, upwards."""
HORIZON = 250
"""Moves after which an episode ends by time; the way to the goal takes about 170."""


class Maze(WithoutCamera):
    """`Environment` of robots that do not meet; it has begun with seed 0. Nothing in it is random.

    A robot that touches the obstacle or another wall is in constraint violation, where it touched, until a hard reset.
    A robot that reaches the goal succeeds, with reward 1. Episodes also end by time; every episode begins at the start.
    """

    no_camera = "robots in the maze have no camera"

    def __init__(self, contract: RobotContract, robots: int, wind: float) -> None:
        """`wind` shifts every move that begins in the windy segment upwards, in cells; robots that hold stay.

        Raises:
            BadInput: the contract's quantities are not those of this task, or it has a camera.
            ValueError: there are no robots.
        """
        if robots < 1:
            raise ValueError(f"robots is {robots}, allowed is 1 or more")
        MAZE_CONTRACT.require(contract)
        if contract.observation.camera is not None:
            raise InputError(f"robot {contract.robot}: observation.camera: found one, allowed is none in the maze.")
        self._contract = contract
        self._wind = wind
        self._poses_N2 = np.zeros((robots, 2))
        self._violated_N = np.zeros(robots, dtype=np.bool_)
        self._moves_N = np.zeros(robots, dtype=np.int64)
        self.reset(0)

    @property
    def contract(self) -> RobotContract:
        """What the robots observe and how they are moved."""
        return self._contract

    @property
    def robots(self) -> int:
        """N."""
        return len(self._poses_N2)

    def reset(self, seed: int) -> Step:  # noqa: ARG002
        """Begin anew. See `Environment.reset`."""
        self._begin(np.arange(self.robots))
        nothing_N = np.zeros(self.robots, dtype=np.bool_)
        return self._outcome(nothing_N, nothing_N.copy(), nothing_N.copy())

    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        """Move, hold or reset all at once. See `Environment.step` for arguments and errors."""
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
        self._begin(np.flatnonzero(terminated_N | truncated_N))
        return self._outcome(succeeded_N, terminated_N, truncated_N)

    def close(self) -> None:
        """There is nothing to free."""

    def _begin(self, robots_I: NDArray[np.int64]) -> None:
        """Put robots at the start."""
        self._poses_N2[robots_I] = MAZE_LAYOUT.start
        self._violated_N[robots_I] = False
        self._moves_N[robots_I] = 0

    def _outcome(
        self, succeeded_N: NDArray[np.bool_], terminated_N: NDArray[np.bool_], truncated_N: NDArray[np.bool_]
    ) -> Step:
        last_cell = (MAZE_LAYOUT.columns - 1, MAZE_LAYOUT.rows - 1)
        return Step(
            # Clipped, because the point of a wall that a robot touches may round to a cell outside.
            states_NS=np.clip(np.rint(self._poses_N2), 0.0, last_cell),
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N,
            violated_N=self._violated_N.copy(),
            terminated_N=terminated_N,
            truncated_N=truncated_N,
        )
