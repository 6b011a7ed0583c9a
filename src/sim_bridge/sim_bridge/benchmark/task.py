"""What a task adds to a batch of simulated robots.

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
    """What a control step has led to."""

    rewards_I: NDArray[np.float64]
    violated_I: NDArray[np.bool_]
    """In constraint violation."""
    completed_I: NDArray[np.bool_]
    """The task is done, which ends the episode; tasks that only last longer or shorter are never done."""


class Task(Protocol):
    """Rules of one task for N robots, each a simulation of a batch of the task's model."""

    def place(self, robots_I: NDArray[np.int64], generators_I: Sequence[np.random.Generator]) -> None:
        """Begin episodes of robots whose simulations were reset: write their state."""

    def command(self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]) -> None:
        """Write the controls of one control step."""

    def judge(self, robots_I: NDArray[np.int64]) -> Judged:
        """What the control step that was commanded last has led to."""

    def states(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        """Observations, (I, S), in the contract's units; what exceeds the contract's range is clipped by the caller."""


@dataclass(frozen=True)
class TaskKind:
    """A task, before there are robots."""

    contract: TaskContract
    rate_hz: float
    """Control steps per simulated second."""
    substeps: int
    """Of the simulation per control step."""
    horizon: int
    """Control steps after which an episode ends by time."""
    xml: str
    """MJCF of one robot with its surroundings, with a camera called "side"."""
    bind: Callable[[Simulations], Task]
    """Makes the task for a batch of the model."""

    def model(self) -> mujoco.MjModel:
        """The compiled model."""
        return mujoco.MjModel.from_xml_string(self.xml)
