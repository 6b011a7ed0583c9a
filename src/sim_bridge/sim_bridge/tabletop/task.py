"""The tasks of the tabletop and the robot contract that they share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fleet_contract.quantity import Quantity
from sim_bridge.tabletop.geometry import FINGER_LIMIT_M, TABLE_HALF_M
from sim_bridge.task_contract import TaskContract

RATE_HZ = 10.0
"""Ticks per second."""


class Kind(Enum):
    """What a task moves, which decides how its scene is built and how its robots can fail."""

    PUSH = "push"
    """A loose object is pushed around an obstacle."""
    DRAWER = "drawer"
    """A drawer slides in a cabinet."""
    LEVER = "lever"
    """A lever turns on a pivot."""


@dataclass(frozen=True)
class Task:
    """One task of the tabletop."""

    name: str
    """Name, as `robots.tasks` lists it."""
    kind: Kind
    """What it moves."""


TASKS = (
    Task("push_block", Kind.PUSH),
    Task("push_disc", Kind.PUSH),
    Task("open_drawer", Kind.DRAWER),
    Task("close_drawer", Kind.DRAWER),
    Task("turn_lever", Kind.LEVER),
    Task("insert_peg", Kind.PUSH),
)
"""All tasks, in the order of the state's one-hot quantities."""


def _observed() -> tuple[Quantity, ...]:
    positions = {"finger": FINGER_LIMIT_M, "object": TABLE_HALF_M, "goal": TABLE_HALF_M, "obstacle": TABLE_HALF_M}
    metres = {
        f"{name}_{axis}": Quantity(name=f"{name}_{axis}", unit="m", low=-half_m, high=half_m)
        for name, half_m in positions.items()
        for axis in ("x", "y")
    }
    yaw = [Quantity(name=name, unit="1", low=-1.0, high=1.0) for name in ("object_yaw_cos", "object_yaw_sin")]
    task = [Quantity(name=task.name, unit="1", low=0.0, high=1.0) for task in TASKS]
    finger_and_object, rest = list(metres.values())[:4], list(metres.values())[4:]
    return (*finger_and_object, *yaw, *rest, *task)


TABLETOP_CONTRACT = TaskContract(observed=_observed(), moved_by={"vx": "m/s", "vy": "m/s"}, meaning="twist")
"""Quantities of the robots: the finger, what it moves, the goal, and which task it is."""
TASK_OF = {task.name: task for task in TASKS}
"""Tasks by name."""
