"""Simulated robots of one task, as an `Environment`: episodes, violations, hard resets.

N robots, I some of them, S state dim, A action dim.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.action import ActionKind
from fleet_contract.validation import InputError
from robot_driver.orders import checked_actions
from robot_driver.step import Step
from sim_bridge.benchmark.simulated_elsewhere import SimulatedElsewhere
from sim_bridge.headless_mujoco import Batch, mujoco
from sim_bridge.without_camera import WithoutCamera

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from sim_bridge.benchmark.simulations import Simulations
    from sim_bridge.benchmark.task import TaskKind

ROBOTS_PER_THREAD = 50
_MOVED = mujoco.mjtStage.mjSTAGE_VEL.value


def simulate_here(model: mujoco.MjModel, robots: int) -> Simulations:
    """On this machine's processors."""
    simulations: Simulations = Batch(model, robots, min(1 + robots // ROBOTS_PER_THREAD, os.cpu_count() or 1))
    return simulations


class SimulatedFleet(WithoutCamera):
    """`Environment` of robots that do not meet; it has begun with seed 0.

    A robot that is not told to move stays bit for bit as it is. An episode ends by time,
    by a hard reset, or when the task is done. It is a success when the task was done, or when it ended by time without
    violation and with at least `success_return`.
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
        """`horizon` is that of the task, unless episodes are to be shorter.

        Raises:
            BadInput: the contract's quantities are not those of the task, or it has a camera.
            ValueError: there are no robots.
        """
        if robots < 1:
            raise ValueError(f"robots is {robots}, allowed is 1 or more")
        kind.contract.require(contract)
        if contract.observation.camera is not None:
            raise InputError(
                f"robot {contract.robot}: observation.camera: found one, allowed is none: {self.no_camera}."
            )
        self._contract = contract
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

    @property
    def contract(self) -> RobotContract:
        """What the robots observe and how they are moved."""
        return self._contract

    @property
    def robots(self) -> int:
        """N."""
        return len(self._states_NS)

    def reset(self, seed: int) -> Step:
        """Begin anew. See `Environment.reset`."""
        self._generators = [np.random.default_rng([seed, robot]) for robot in range(self.robots)]
        self._begin(np.arange(self.robots))
        nothing_N = np.zeros(self.robots, dtype=np.bool_)
        return self._outcome(np.zeros(self.robots), nothing_N, nothing_N.copy(), nothing_N.copy())

    def step(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> Step:
        """Move, hold or reset all at once. See `Environment.step` for arguments and errors."""
        wanted_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        moving_I = np.flatnonzero((np.asarray(kinds_N) == ActionKind.MOVE) & ~self._violated_N)
        rewards_N = np.zeros(self.robots)
        succeeded_N = np.zeros(self.robots, dtype=np.bool_)
        terminated_N = np.asarray(kinds_N) == ActionKind.HARD_RESET
        truncated_N = np.zeros(self.robots, dtype=np.bool_)
        if moving_I.size:
            self._task.command(moving_I, wanted_NA[moving_I])
            self._batch.step(moving_I, self._substeps, _MOVED)
            judged = self._task.judge(moving_I)
            rewards_N[moving_I] = judged.rewards_I
            self._violated_N[moving_I] = judged.violated_I
            self._returns_N[moving_I] += judged.rewards_I
            self._ticks_N[moving_I] += 1
            late_I = self._ticks_N[moving_I] >= self._horizon
            enough_I = judged.completed_I | (late_I & (self._returns_N[moving_I] >= self._success_return))
            succeeded_N[moving_I] = enough_I & ~judged.violated_I
            terminated_N[moving_I] = judged.completed_I & ~judged.violated_I
            truncated_N[moving_I] = late_I & ~judged.completed_I & ~judged.violated_I
            self._look(moving_I)
        self._begin(np.flatnonzero(terminated_N | truncated_N))
        return self._outcome(rewards_N, succeeded_N, terminated_N, truncated_N)

    def data(self, robot: int, data: mujoco.MjData) -> None:
        """Write the robot's simulation into `data`, to be drawn."""
        self._batch.get_data(robot, data)

    def close(self) -> None:
        """Free what is simulated elsewhere."""
        if isinstance(self._batch, SimulatedElsewhere):
            self._batch.close()

    def _begin(self, robots_I: NDArray[np.int64]) -> None:
        """Begin episodes."""
        if not robots_I.size:
            return
        self._batch.reset(robots_I, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        self._task.place(robots_I, [self._generators[robot] for robot in robots_I])
        self._batch.forward(robots_I)
        self._violated_N[robots_I] = False
        self._ticks_N[robots_I] = 0
        self._returns_N[robots_I] = 0.0
        self._look(robots_I)

    def _look(self, robots_I: NDArray[np.int64]) -> None:
        self._states_NS[robots_I] = np.clip(self._task.states(robots_I), self._low_S, self._high_S)

    def _outcome(
        self,
        rewards_N: NDArray[np.float64],
        succeeded_N: NDArray[np.bool_],
        terminated_N: NDArray[np.bool_],
        truncated_N: NDArray[np.bool_],
    ) -> Step:
        return Step(
            states_NS=self._states_NS.copy(),
            rewards_N=rewards_N,
            succeeded_N=succeeded_N,
            violated_N=self._violated_N.copy(),
            terminated_N=terminated_N,
            truncated_N=truncated_N,
        )
