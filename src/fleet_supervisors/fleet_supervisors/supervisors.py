"""Which scripted supervisors there are, by task and style."""

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

    Make = Callable[[RobotContract, np.random.Generator], ScriptedSupervisor]
    """For the robots of a contract, with what the supervisor's choices are drawn from."""


def _pusher(style: str, contract: RobotContract, _: np.random.Generator) -> ScriptedSupervisor:
    return push.PushSupervisor(style, float(contract.action_high_A[0]))


def _navigator(style: str, _: RobotContract, generator: np.random.Generator) -> ScriptedSupervisor:
    return navigation.NavigationSupervisor(style, generator)


def _seeker(style: str, _: RobotContract, __: np.random.Generator) -> ScriptedSupervisor:
    return beacon.BeaconSupervisor(style)


def _balancer(style: str, _: RobotContract, __: np.random.Generator) -> ScriptedSupervisor:
    return balance.BalanceSupervisor(style)


def _stacker(style: str, _: RobotContract, __: np.random.Generator) -> ScriptedSupervisor:
    return stack.StackSupervisor(style)


def _walker(task: str) -> Mapping[str, Make]:
    def make(style: str, contract: RobotContract, _: np.random.Generator) -> ScriptedSupervisor:
        return learned.LearnedSupervisor(task, style, contract)

    return {style: partial(make, style) for style in learned.STYLES}


_PUSHERS = {style: partial(_pusher, style) for style in push.STYLES}
_NAVIGATORS = {style: partial(_navigator, style) for style in navigation.STYLES}
SUPERVISORS: Mapping[str, Mapping[str, Make]] = {
    "block_push": _PUSHERS,
    "navigation": _NAVIGATORS,
    "windy_navigation": _NAVIGATORS,
    "beacon": {style: partial(_seeker, style) for style in beacon.STYLES},
    "ball_balance": {style: partial(_balancer, style) for style in balance.STYLES},
    "franka_cube_stack": {style: partial(_stacker, style) for style in stack.STYLES},
    **{task: _walker(task) for task in learned.MIRRORS},
}
"""Task, then style."""
CHOICES = 1
"""Tells the streams of supervisors from those of robots, which are named by seed and index alone."""


def make_supervisor(task: str, style: str, contract: RobotContract, seed: int, index: int) -> ScriptedSupervisor:
    """The scripted supervisor of that style.

    Args:
        task: `environment.task` of the fleet.
        style: one of the task's styles.
        contract: of the robots.
        seed: seed of the run; 0 or more.
        index: number of the supervisor in the fleet, from 0: each draws its choices from a stream of its own.

    Raises:
        BadInput: there is no such task, or the task has no such style.
    """
    require_supervisor(task, style)
    return SUPERVISORS[task][style](contract, np.random.default_rng([seed, index, CHOICES]))


def require_supervisor(task: str, style: str) -> None:
    """Refuse what there is no scripted supervisor for.

    Raises:
        BadInput: there is no such task, or the task has no such style.
    """
    styles = SUPERVISORS.get(task)
    if styles is None:
        raise InputError(
            f"environment.task: found {task}, allowed with scripted supervisors: {', '.join(SUPERVISORS)}."
        )
    if style not in styles:
        raise InputError(f"supervisors.styles: found {style}, allowed for {task}: {', '.join(styles)}.")
