"""The interface of a task: its rules for a batch of simulated robots.

N robots, I some of them, S state dim, A action dim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim_bridge.headless_mujoco import mujoco

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim_bridge.benchmark.simulations import Simulations
    from sim_bridge.task_contract import TaskContract


@dataclass(frozen=True)
class Judged:
    """The outcome of a control step."""

    rewards_I: NDArray[np.float64]
    violated_I: NDArray[np.bool_]
    """Whether the robot is in constraint violation."""
    completed_I: NDArray[np.bool_]
    """Whether the task is completed, which terminates the episode; tasks without a goal are never completed."""


class Task(Protocol):
    """Rules of one task for N robots, each a simulation of a batch of the task's model."""

    def place(self, robots_I: NDArray[np.int64], generators_I: Sequence[np.random.Generator]) -> None:
        """Start episodes of robots whose simulations were reset: write their states."""

    def command(self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]) -> None:
        """Write the controls of one control step."""

    def judge(self, robots_I: NDArray[np.int64]) -> Judged:
        """Return the outcome of the last control step."""

    def states(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the observations, (I, S), in the contract's units; the caller clips them to the contract's range."""


@dataclass(frozen=True)
class TaskKind:
    """The definition of a task, independent of the number of robots."""

    contract: TaskContract
    rate_hz: float
    """Control steps per simulated second."""
    substeps: int
    """Time steps of the simulation per control step."""
    horizon: int
    """Control steps after which an episode is truncated."""
    xml: str
    """MJCF of one robot in its environment, with a camera called "side"."""
    bind: Callable[[Simulations], Task]
    """Creates the task for simulations of the model."""

    def model(self) -> mujoco.MjModel:
        """Return the compiled model."""
        return mujoco.MjModel.from_xml_string(self.xml)
