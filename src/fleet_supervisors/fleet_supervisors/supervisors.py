"""The scripted supervisors by task and style.

To add a style to a task, add it to the STYLES of the task's module. To add a task, write a module with STYLES and a class that derives from
`teleop_gui.supervisor.ScriptedSupervisor`, a function here that creates it, and an entry in `SUPERVISORS`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.validation import InputError
from fleet_supervisors import balance, beacon, learned, navigation, push, stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_contract.robot import RobotContract
    from teleop_gui.supervisor import ScriptedSupervisor

    MakeSupervisor = Callable[[RobotContract, np.random.Generator], ScriptedSupervisor]
    """Creates a supervisor: takes the robots' contract and the generator of the supervisor's random choices."""


def _push(style: str, contract: RobotContract, _: np.random.Generator) -> ScriptedSupervisor:
    return push.PushSupervisor(style, float(contract.action_high_A[0]))


def _navigation(style: str, _: RobotContract, generator: np.random.Generator) -> ScriptedSupervisor:
    return navigation.NavigationSupervisor(style, generator)


def _beacon(style: str, _: RobotContract, __: np.random.Generator) -> ScriptedSupervisor:
    return beacon.BeaconSupervisor(style)


def _balance(style: str, _: RobotContract, __: np.random.Generator) -> ScriptedSupervisor:
    return balance.BalanceSupervisor(style)


def _stack(style: str, _: RobotContract, __: np.random.Generator) -> ScriptedSupervisor:
    return stack.StackSupervisor(style)


def _learned(task: str) -> Mapping[str, MakeSupervisor]:
    def make(style: str, contract: RobotContract, _: np.random.Generator) -> ScriptedSupervisor:
        return learned.LearnedSupervisor(task, style, contract)

    return {style: partial(make, style) for style in learned.STYLES}


_PUSH_STYLES = {style: partial(_push, style) for style in push.STYLES}
_NAVIGATION_STYLES = {style: partial(_navigation, style) for style in navigation.STYLES}
SUPERVISORS: Mapping[str, Mapping[str, MakeSupervisor]] = {
    "block_push": _PUSH_STYLES,
    "navigation": _NAVIGATION_STYLES,
    "windy_navigation": _NAVIGATION_STYLES,
    "beacon": {style: partial(_beacon, style) for style in beacon.STYLES},
    "ball_balance": {style: partial(_balance, style) for style in balance.STYLES},
    "franka_cube_stack": {style: partial(_stack, style) for style in stack.STYLES},
    **{task: _learned(task) for task in learned.MIRRORS},
}
"""Functions that create the supervisors, by task and style."""
SUPERVISOR_STREAM = 1
"""Distinguishes the random streams of supervisors from those of robots, which are seeded with seed and index only."""


def make_supervisor(task: str, style: str, contract: RobotContract, seed: int, index: int) -> ScriptedSupervisor:
    """Return a scripted supervisor of a style.

    Args:
        task: `environment.task` of the fleet.
        style: one of the task's styles.
        contract: the robots' contract.
        seed: seed of the run, 0 or more.
        index: index of the supervisor in the fleet, from 0; each has a random stream of its own.

    Raises:
        InputError: the task is unknown, or the task has no such style.
    """
    require_supervisor(task, style)
    return SUPERVISORS[task][style](contract, np.random.default_rng([seed, index, SUPERVISOR_STREAM]))


def require_supervisor(task: str, style: str) -> None:
    """Refuse a task or style without a scripted supervisor.

    Raises:
        InputError: the task is unknown, or the task has no such style.
    """
    styles = SUPERVISORS.get(task)
    if styles is None:
        raise InputError(
            f"environment.task: expected one of {', '.join(SUPERVISORS)} with scripted supervisors, got {task}."
        )
    if style not in styles:
        raise InputError(f"supervisors.styles: expected styles of {task} ({', '.join(styles)}), got {style}.")
