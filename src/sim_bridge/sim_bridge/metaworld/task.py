"""The tasks of Meta-World that robots can have, and the robot contract that they share."""

from __future__ import annotations

from fleet_contract.quantity import Quantity
from sim_bridge.task_contract import TaskContract

TASKS = ("lever_pull", "dial_turn", "pick_place", "pick_place_wall", "basketball", "hand_insert")
"""All tasks, in the order of the state's one-hot quantities: Meta-World's names with underscores, and without the version.

Two turn something that is mounted, two carry a puck through the air, and two carry something into an opening. Clones of few demonstrations
fail at all of them now and then, and Meta-World's scripts hardly ever.
"""

HAND_M = ((-0.525, 0.525), (0.348, 1.025), (-0.0525, 0.7))
"""Ranges of the hand's x, y and z, to which Meta-World clips them."""
OBJECTS_M = ((-1.0, 1.0), (0.0, 1.5), (-1.0, 1.0))
"""Ranges of x, y and z of objects and goals."""


def _observed() -> tuple[Quantity, ...]:
    """Return Meta-World's 39 numbers: the present frame, the one before, and the goal; then the tasks."""
    frames = [
        quantity
        for frame in ("", "previous_")
        for quantity in (
            *_position(f"{frame}hand", HAND_M),
            Quantity(name=f"{frame}opening", unit="1", low=0.0, high=1.0),
            *_object(f"{frame}object"),
            *_object(f"{frame}second"),
        )
    ]
    task = [Quantity(name=task, unit="1", low=0.0, high=1.0) for task in TASKS]
    return (*frames, *_position("goal", OBJECTS_M), *task)


def _object(name: str) -> list[Quantity]:
    turned = [Quantity(name=f"{name}_q{number}", unit="1", low=-1.0, high=1.0) for number in range(4)]
    return [*_position(name, OBJECTS_M), *turned]


def _position(name: str, ranges_m: tuple[tuple[float, float], ...]) -> list[Quantity]:
    return [
        Quantity(name=f"{name}_{axis}", unit="m", low=low, high=high)
        for axis, (low, high) in zip("xyz", ranges_m, strict=True)
    ]


METAWORLD_CONTRACT = TaskContract(
    observed=_observed(), moved_by={"dx": "1", "dy": "1", "dz": "1", "grip": "1"}, meaning="pose_delta"
)
"""Quantities of the robots: hand, objects and goal, and which task it is."""
HAND, OBJECT = slice(0, 3), slice(4, 7)
"""Positions of the hand and of the object in the state."""


def metaworld_name(task: str) -> str:
    """Return what Meta-World calls a task."""
    return f"{task.replace('_', '-')}-v3"
