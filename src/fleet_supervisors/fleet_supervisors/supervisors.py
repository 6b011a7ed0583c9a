"""The scripted supervisors by task and style, to which every installed package may add.

A supervisor is an entry point of the group `fleet.supervisors`, whose name is `TASK/STYLE`. It refers to a callable that takes a
`SupervisorRequest` and returns a `teleop_gui.supervisor.ScriptedSupervisor`, such as a class with this one argument; test it with
`fleet_supervisors.conformance.SupervisorConformance`. For a quick try, `supervisors.styles` may also name the callable itself, as
`module:Class`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fleet_contract.plugins import nested_names, plugin
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_supervisors.supervisor_request import SupervisorRequest
from teleop_gui.supervisor import ScriptedSupervisor

GROUP = "fleet.supervisors"
"""Group of the entry points."""
SUPERVISOR_STREAM = 1
"""Distinguishes the random streams of supervisors from those of robots, which are seeded with seed and index only."""


def styles_of(task: str) -> tuple[str, ...]:
    """Return the styles of a task's scripted supervisors; none if there is no such task."""
    return nested_names(GROUP).get(task, ())


def make_supervisor(task: str, style: str, contract: RobotContract, seed: int, index: int) -> ScriptedSupervisor:
    """Return a scripted supervisor of a style.

    Args:
        task: `environment.task` of the fleet.
        style: one of the task's styles, or `module:Class`.
        contract: the robots' contract.
        seed: seed of the run, 0 or more.
        index: index of the supervisor in the fleet, from 0; each has a random stream of its own.

    Raises:
        InputError: the task is unknown, or the task has no such style.
    """
    make = _supervisor(task, style)
    generator = np.random.default_rng([seed, index, SUPERVISOR_STREAM])
    return make(SupervisorRequest(task, style, contract, generator))


def require_supervisor(task: str, style: str) -> None:
    """Refuse a task or style without a scripted supervisor.

    Raises:
        InputError: the task is unknown, or the task has no such style.
    """
    _supervisor(task, style)


def _supervisor(task: str, style: str) -> Callable[[SupervisorRequest], ScriptedSupervisor]:
    """Return what makes the supervisors of a style."""
    name, styles = style if ":" in style else f"{task}/{style}", nested_names(GROUP)
    if ":" not in name and task not in styles:
        raise InputError(
            f"environment.task: expected one of {', '.join(styles)} with scripted supervisors, or module:Class as "
            f"supervisors.styles, got {task}."
        )
    if ":" not in name and style not in styles[task]:
        raise InputError(
            f"supervisors.styles: expected styles of {task} ({', '.join(styles[task])}) or module:Class, got {style}."
        )
    found: Callable[[SupervisorRequest], ScriptedSupervisor] = plugin(GROUP, name, key="supervisors.styles")
    return found
