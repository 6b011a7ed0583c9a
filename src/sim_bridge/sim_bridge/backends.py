"""Which environments there are, by backend and task. A simulator is imported only when it is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_contract.door import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_contract.robot import RobotContract
    from sim_bridge.environment import Environment


def _mujoco_block_push(contract: RobotContract, robots: int) -> Environment:
    from sim_bridge.push_cell import PushCell

    return PushCell(contract, robots)


def _isaacgym_block_push(contract: RobotContract, robots: int) -> Environment:
    from sim_bridge.isaac import IsaacPushCell

    return IsaacPushCell(contract, robots)


def _numpy_navigation(contract: RobotContract, robots: int) -> Environment:
    from sim_bridge.maze import Maze

    return Maze(contract, robots, wind=0.0)


def _numpy_windy_navigation(contract: RobotContract, robots: int) -> Environment:
    from sim_bridge.maze import WIND, Maze

    return Maze(contract, robots, wind=WIND)


BACKENDS: Mapping[str, Mapping[str, Callable[[RobotContract, int], Environment]]] = {
    "mujoco": {"block_push": _mujoco_block_push},
    "isaacgym": {"block_push": _isaacgym_block_push},
    "numpy": {"navigation": _numpy_navigation, "windy_navigation": _numpy_windy_navigation},
}
"""Backend, then task."""


def make_environment(backend: str, task: str, contract: RobotContract, robots: int) -> Environment:
    """`robots` robots of the contract, at the task, in the backend.

    Raises:
        BadInput: there is no such backend or task, the backend is not installed, or the contract is not that task's.
        ValueError: there are no robots.
    """
    require_environment(backend, task)
    return BACKENDS[backend][task](contract, robots)


def require_environment(backend: str, task: str) -> None:
    """Refuse what there is no environment for, without importing a simulator.

    Raises:
        BadInput: there is no such backend or task.
    """
    tasks = BACKENDS.get(backend)
    if tasks is None:
        raise BadInput(f"environment.backend: found {backend}, allowed: {', '.join(BACKENDS)}.")
    if task not in tasks:
        raise BadInput(f"environment.task: found {task}, allowed with backend {backend}: {', '.join(tasks)}.")
