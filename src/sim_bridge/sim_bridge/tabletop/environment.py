"""The tabletop as an environment: robots with different tasks, their episodes and failures.

N robots, R robots of one task, P observed quantities besides the task, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.action import ActionKind
from fleet_contract.validation import InputError
from robot_driver.action_check import checked_actions
from robot_driver.step import Step, uneventful_step
from sim_bridge.environment import RobotBatch
from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.drawer_table import DrawerTable
from sim_bridge.tabletop.failure import Failure
from sim_bridge.tabletop.lever_table import LeverTable
from sim_bridge.tabletop.progress import Progress
from sim_bridge.tabletop.push_table import PushTable
from sim_bridge.tabletop.task import RATE_HZ, TABLETOP_CONTRACT, TASKS, Kind, tasks_in_turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from sim_bridge.tabletop.table import Table

HORIZON = 120
"""Moves after which an episode is truncated."""
TABLES: Mapping[Kind, type[PushTable | DrawerTable | LeverTable]] = {
    Kind.PUSH: PushTable,
    Kind.DRAWER: DrawerTable,
    Kind.LEVER: LeverTable,
}
"""Tables by the kind of their task."""


class Tabletop(RobotBatch):
    """Robots with one task each, which do not meet; after construction they are reset with seed 0.

    A robot whose object goes over the rim or topples, whose finger is jammed, or that is stuck, is in constraint violation until a hard
    reset; `failures` gives the reason. A robot that completes its task succeeds, with reward 1. Episodes are truncated after `HORIZON`
    moves.
    """

    def __init__(self, contract: RobotContract, robots: int, tasks: Sequence[str] = ()) -> None:
        """Place the robots at their tables.

        Args:
            contract: the robots' contract.
            robots: number of robots.
            tasks: tasks of the robots, assigned in turn (default: all of `TASKS`).

        Raises:
            InputError: the contract's quantities are not those of the tabletop, its camera has no colours, or there is no such task.
            ValueError: there are no robots.
        """
        super().__init__(contract, robots)
        TABLETOP_CONTRACT.require(contract)
        self._camera = contract.require_camera()
        if self._camera.encoding == "mono8":
            raise InputError(f"robot {contract.robot}: observation.camera.encoding: expected rgb8 or bgr8, got mono8.")
        own_N = tasks_in_turn(tasks, robots)
        self._tables: list[tuple[NDArray[np.int64], Table]] = []
        self._places: list[tuple[Table, int]] = [None] * robots  # type: ignore[list-item]
        self._one_hot_NT = np.array([[own == task for task in TASKS] for own in own_N], dtype=np.float64)
        for task in dict.fromkeys(own_N):
            robots_R = np.flatnonzero([own == task for own in own_N])
            table = TABLES[task.kind](task, len(robots_R))
            self._tables.append((robots_R, table))
            for row, robot in enumerate(robots_R):
                self._places[robot] = (table, row)
        quantities = contract.observation.state.quantities
        self._low_S = np.array([quantity.low for quantity in quantities])
        self._high_S = np.array([quantity.high for quantity in quantities])
        self._progress = Progress(robots)
        self._failures_N = np.full(robots, Failure.NONE, dtype=np.int64)
        self._moves_N = np.zeros(robots, dtype=np.int64)
        self._generators: list[np.random.Generator] = []
        self.reset(0)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The robots' tasks."""
        return tuple(table.task.name for table, _ in self._places)

    @property
    def failures(self) -> NDArray[np.int64]:
        """Why each robot is in constraint violation, a `Failure`, (N,)."""
        return self._failures_N.copy()

    @override
    def reset(self, seed: int) -> Step:
        self._generators = [np.random.default_rng([seed, robot]) for robot in range(self.robots)]
        self._start_episodes(np.arange(self.robots))
        return uneventful_step(self._states())

    @override
    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        moving_N = (np.asarray(kinds_N) == ActionKind.MOVE) & (self._failures_N == Failure.NONE)
        arrived_N = np.zeros(self.robots, dtype=np.bool_)
        for robots_R, table in self._tables:
            rows = np.flatnonzero(moving_N[robots_R])
            if rows.size:
                self._move(robots_R[rows], table, rows, actions_NA)
                arrived_N[robots_R[rows]] = table.arrived()[rows]
        self._moves_N += moving_N

        succeeded_N = moving_N & arrived_N & (self._failures_N == Failure.NONE)
        terminated_N = succeeded_N | (np.asarray(kinds_N) == ActionKind.HARD_RESET)
        going_N = moving_N & (self._failures_N == Failure.NONE) & ~succeeded_N
        truncated_N = going_N & (self._moves_N >= HORIZON)
        self._start_episodes(np.flatnonzero(terminated_N | truncated_N))
        return Step(
            states_NS=self._states(),
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N,
            violated_N=self._failures_N != Failure.NONE,
            terminated_N=terminated_N,
            truncated_N=truncated_N,
        )

    @override
    def images(self) -> NDArray[np.uint8]:
        """Return the images, (N, H, W, 3), in the contract's size and encoding. Call it always from the same thread."""
        size = self._camera.width, self._camera.height
        rgb_NHW3 = np.stack([table.image(row, size) for table, row in self._places])
        return rgb_NHW3 if self._camera.encoding == "rgb8" else rgb_NHW3[..., ::-1].copy()

    @override
    def video(self, robot: int) -> NDArray[np.uint8]:
        """Return what an operator sees of one robot, (H, W, 3). Call it from the thread that calls `images`."""
        if self._contract.operation is None:
            raise RuntimeError("the contract has no operation")
        video = self._contract.operation.video
        table, row = self._places[robot]
        return table.image(row, (video.width, video.height))

    @override
    def camera_matrix(self) -> NDArray[np.float64]:
        width, height = self._camera.width, self._camera.height
        focal = min(width, height) / 2 * g.CAMERA_HEIGHT_M / g.VIEW_HALF_M
        return np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])

    @override
    def close(self) -> None:
        for _, table in self._tables:
            table.close()

    def _move(
        self, robots_I: NDArray[np.int64], table: Table, rows_I: NDArray[np.int64], actions_NA: NDArray[np.float64]
    ) -> None:
        """Move the fingers of some robots of a table, and judge what came of it."""
        before_I2 = table.fingers()[rows_I]
        table.move(rows_I, actions_NA[robots_I])
        moved_I2 = table.fingers()[rows_I] - before_I2
        self._progress.move(robots_I, table.remaining()[rows_I], actions_NA[robots_I] / RATE_HZ, moved_I2)
        slow_I = np.where(self._progress.stuck()[robots_I], Failure.STUCK, Failure.NONE)
        slow_I = np.where(self._progress.jammed()[robots_I], Failure.JAMMED, slow_I)
        fallen_I = table.fallen()[rows_I]
        failures_I = np.where(fallen_I != Failure.NONE, fallen_I, slow_I)
        # A task that is completed cannot fail any more, unless its object fell.
        held_I = table.arrived()[rows_I] & (fallen_I == Failure.NONE)
        self._failures_N[robots_I] = np.where(held_I, Failure.NONE, failures_I)

    def _start_episodes(self, robots_I: NDArray[np.int64]) -> None:
        for robot in robots_I:
            table, row = self._places[robot]
            table.start(row, self._generators[robot])
            self._progress.start(robot, table.remaining()[row])
        self._failures_N[robots_I] = Failure.NONE
        self._moves_N[robots_I] = 0

    def _states(self) -> NDArray[np.float64]:
        """Return the observations, (N, S)."""
        seen_NP = np.zeros((self.robots, self._contract.state_dim - len(TASKS)))
        for robots_R, table in self._tables:
            seen_NP[robots_R] = np.column_stack([table.fingers(), table.objects(), table.goals(), table.obstacles()])
        states_NS = np.hstack([seen_NP, self._one_hot_NT])
        return np.clip(states_NS, self._low_S, self._high_S)
