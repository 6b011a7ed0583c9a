"""The benchmark's environment: episodes, violations and hard resets of the robots of one task.

N robots, I some of them, S state dim, A action dim.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.action import ActionKind
from fleet_contract.validation import InputError
from robot_driver.action_check import checked_actions
from robot_driver.cameras import NoCameras
from robot_driver.step import Step, uneventful_step
from sim_bridge.environment import RobotBatch
from sim_bridge.headless_mujoco import Batch, mujoco

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from sim_bridge.benchmark.simulations import Simulations
    from sim_bridge.benchmark.task import TaskKind

ROBOTS_PER_THREAD = 50
"""Number of robots for which another thread is used."""
_AFTER_VELOCITIES = mujoco.mjtStage.mjSTAGE_VEL.value


class HostSimulations(Batch):  # type: ignore[misc]  # Batch has no type annotations
    """Simulations of MuJoCo on this machine's processors, as `Simulations`."""

    def close(self) -> None:
        """Do nothing: their memory is freed with them."""


def simulate_here(model: mujoco.MjModel, robots: int) -> Simulations:
    """Return simulations on this machine's processors."""
    return HostSimulations(model, robots, min(1 + robots // ROBOTS_PER_THREAD, os.cpu_count() or 1))


class SimulatedFleet(NoCameras, RobotBatch):
    """Robots that do not meet; after construction they are reset with seed 0.

    The state of a robot that does not move stays bit for bit the same. An episode is terminated by a hard reset or by completing the
    task, and truncated at its time limit. It is a success if the task was completed, or if it reached the time limit without violation
    and with at least `success_return`.
    """

    no_camera = "robots of the benchmark have no camera"

    def __init__(
        self,
        kind: TaskKind,
        contract: RobotContract,
        robots: int,
        success_return: float,
        horizon: int | None = None,
        simulate: Callable[[mujoco.MjModel, int], Simulations] = simulate_here,
    ) -> None:
        """Create the robots.

        Args:
            kind: the task.
            contract: the robots' contract.
            robots: number of robots.
            success_return: least return of an episode that is a success at its time limit.
            horizon: control steps of an episode (default: the task's own).
            simulate: creates the simulations.

        Raises:
            InputError: the contract's quantities are not those of the task, or it has a camera.
            ValueError: there are no robots.
        """
        super().__init__(contract, robots)
        kind.contract.require(contract)
        if contract.observation.camera is not None:
            raise InputError(
                f"robot {contract.robot}: observation.camera: expected none, because {self.no_camera}, got one."
            )
        self._substeps = kind.substeps
        self._horizon = horizon or kind.horizon
        self._success_return = success_return
        self._batch = simulate(kind.model(), robots)
        self._task = kind.bind(self._batch)
        self._low_S, self._high_S = (
            np.array([getattr(quantity, end) for quantity in contract.observation.state.quantities])
            for end in ("low", "high")
        )
        self._states_NS = np.zeros((robots, contract.state_dim))
        self._violated_N = np.zeros(robots, dtype=np.bool_)
        self._ticks_N = np.zeros(robots, dtype=np.int64)
        self._returns_N = np.zeros(robots)
        self._generators: list[np.random.Generator] = []
        self.reset(0)

    @override
    def reset(self, seed: int) -> Step:
        self._generators = [np.random.default_rng([seed, robot]) for robot in range(self.robots)]
        self._start_episodes(np.arange(self.robots))
        return uneventful_step(self._states_NS.copy())

    @override
    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        moving_I = np.flatnonzero((np.asarray(kinds_N) == ActionKind.MOVE) & ~self._violated_N)
        rewards_N = np.zeros(self.robots)
        succeeded_N = np.zeros(self.robots, dtype=np.bool_)
        terminated_N = np.asarray(kinds_N) == ActionKind.HARD_RESET
        truncated_N = np.zeros(self.robots, dtype=np.bool_)
        if moving_I.size:
            self._task.command(moving_I, actions_NA[moving_I])
            self._batch.step(moving_I, self._substeps, _AFTER_VELOCITIES)
            judged = self._task.judge(moving_I)
            rewards_N[moving_I] = judged.rewards_I
            self._violated_N[moving_I] = judged.violated_I
            self._returns_N[moving_I] += judged.rewards_I
            self._ticks_N[moving_I] += 1
            at_limit_I = self._ticks_N[moving_I] >= self._horizon
            reached_I = judged.completed_I | (at_limit_I & (self._returns_N[moving_I] >= self._success_return))
            succeeded_N[moving_I] = reached_I & ~judged.violated_I
            terminated_N[moving_I] = judged.completed_I & ~judged.violated_I
            truncated_N[moving_I] = at_limit_I & ~judged.completed_I & ~judged.violated_I
            self._observe(moving_I)
        self._start_episodes(np.flatnonzero(terminated_N | truncated_N))
        return Step(
            states_NS=self._states_NS.copy(),
            rewards_N=rewards_N,
            succeeded_N=succeeded_N,
            violated_N=self._violated_N.copy(),
            terminated_N=terminated_N,
            truncated_N=truncated_N,
        )

    def data(self, robot: int, data: mujoco.MjData) -> None:
        """Write the state of one robot's simulation into `data`, for example to render it."""
        self._batch.get_data(robot, data)

    @override
    def close(self) -> None:
        self._batch.close()

    def _start_episodes(self, robots_I: NDArray[np.int64]) -> None:
        if not robots_I.size:
            return
        self._batch.reset(robots_I, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        self._task.place(robots_I, [self._generators[robot] for robot in robots_I])
        self._batch.forward(robots_I)
        self._violated_N[robots_I] = False
        self._ticks_N[robots_I] = 0
        self._returns_N[robots_I] = 0.0
        self._observe(robots_I)

    def _observe(self, robots_I: NDArray[np.int64]) -> None:
        self._states_NS[robots_I] = np.clip(self._task.states(robots_I), self._low_S, self._high_S)
