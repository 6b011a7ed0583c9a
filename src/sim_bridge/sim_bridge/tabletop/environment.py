"""The tabletop as an environment: robots with different tasks, their episodes and failures.

N robots, R robots of one task, I some robots, J those of them at one table, P observed quantities besides the task, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_bridge.environment_traits import tasks_in_turn
from sim_bridge.progress import Progress
from sim_bridge.tabletop import geometry as g
from sim_bridge.tabletop.drawer_table import DrawerTable
from sim_bridge.tabletop.failure import Failure
from sim_bridge.tabletop.jam import Jam
from sim_bridge.tabletop.lever_table import LeverTable
from sim_bridge.tabletop.push_table import PushTable
from sim_bridge.tabletop.task import RATE_HZ, TABLETOP_CONTRACT, TASK_OF, TASKS, Kind
from sim_bridge.task_robots import TaskRobots, colour_camera, encoded

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


class Tabletop(TaskRobots):
    """Robots that do not meet; after construction they are reset with seed 0.

    A robot whose object goes over the rim or topples, whose finger is jammed, or that is stuck, is in constraint violation until a hard
    reset; `failures` gives the reason, a `Failure`. Episodes are truncated after `HORIZON` moves.
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
        super().__init__(contract, robots, HORIZON)
        TABLETOP_CONTRACT.require(contract)
        self._camera = colour_camera(contract)
        own_N = [TASK_OF[name] for name in tasks_in_turn(tasks, tuple(TASK_OF), robots)]
        self._tables: list[tuple[NDArray[np.int64], Table]] = []
        self._places: list[tuple[Table, int]] = [None] * robots  # type: ignore[list-item]
        self._one_hot_NT = np.array([[own == task for task in TASKS] for own in own_N], dtype=np.float64)
        for task in dict.fromkeys(own_N):
            robots_R = np.flatnonzero([own == task for own in own_N])
            table = TABLES[task.kind](task, len(robots_R))
            self._tables.append((robots_R, table))
            for row, robot in enumerate(robots_R):
                self._places[robot] = (table, row)
        self._progress, self._jam = Progress(robots), Jam(robots)
        self.reset(0)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The robots' tasks."""
        return tuple(table.task.name for table, _ in self._places)

    @override
    def images(self) -> NDArray[np.uint8]:
        """Return the images, (N, H, W, 3), in the contract's size and encoding. Call it always from the same thread."""
        size = self._camera.width, self._camera.height
        rgb_NHW3 = np.stack([table.image(row, size) for table, row in self._places])
        return encoded(rgb_NHW3, self._camera)

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

    @override
    def _start(self, robots_I: NDArray[np.int64]) -> None:
        for robot in robots_I:
            table, row = self._places[robot]
            table.start(row, self._generators[robot])
            self._progress.start(np.array([robot]), table.remaining()[[row], None])
        self._jam.start(robots_I)

    @override
    def _move(
        self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        arrived_I = np.zeros(len(robots_I), dtype=np.bool_)
        failures_I = np.full(len(robots_I), Failure.NONE, dtype=np.int64)
        for robots_R, table in self._tables:
            at_table_I = np.isin(robots_I, robots_R)
            if at_table_I.any():
                own_J = robots_I[at_table_I]
                rows_J = np.searchsorted(robots_R, own_J)
                self._move_at(table, rows_J, own_J, actions_IA[at_table_I])
                arrived_I[at_table_I] = table.arrived()[rows_J]
                failures_I[at_table_I] = table.fallen()[rows_J]
        # A task that is completed cannot fail any more, unless its object fell.
        slow_I = np.where(self._progress.stuck()[robots_I], Failure.STUCK, Failure.NONE)
        slow_I = np.where(self._jam.jammed()[robots_I], Failure.JAMMED, slow_I)
        return arrived_I, np.where((failures_I != Failure.NONE) | arrived_I, failures_I, slow_I)

    def _move_at(
        self,
        table: Table,
        rows_J: NDArray[np.int64],
        robots_J: NDArray[np.int64],
        velocities_J2: NDArray[np.float64],
    ) -> None:
        """Move the fingers of some robots of a table, and count the move."""
        before_J2 = table.fingers()[rows_J]
        table.move(rows_J, velocities_J2)
        self._jam.move(robots_J, velocities_J2 / RATE_HZ, table.fingers()[rows_J] - before_J2)
        self._progress.move(robots_J, table.remaining()[rows_J, None])

    @override
    def _states(self) -> NDArray[np.float64]:
        seen_NP = np.zeros((self.robots, self._contract.state_dim - len(TASKS)))
        for robots_R, table in self._tables:
            seen_NP[robots_R] = np.column_stack([table.fingers(), table.objects(), table.goals(), table.obstacles()])
        return np.hstack([seen_NP, self._one_hot_NT])
