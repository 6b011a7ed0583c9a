"""What is known about an environment before it is made, without importing its simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet_contract.validation import InputError


@dataclass(frozen=True)
class EnvironmentTraits:
    """Traits of an environment: what the entry points of the group `fleet.environment_traits` refer to."""

    tasks: tuple[str, ...] = ()
    """Tasks among which its robots may have different ones, as `robots.tasks` lists them; empty where there is only one."""
    fixed_episodes: bool = False
    """Whether the length of its episodes cannot be chosen."""
    prepare: Callable[[], None] = lambda: None
    """Installs what the environment needs and the fleet's own Python environment does not have; raises an `InputError` if it cannot."""


def tasks_in_turn(names: Sequence[str], known: Sequence[str], robots: int) -> tuple[str, ...]:
    """Return the tasks of the robots, to which these names are assigned in turn; without names, all known ones are.

    Raises:
        InputError: there is no such task.
    """
    for name in names:
        if name not in known:
            raise InputError(f"robots.tasks: expected some of {', '.join(known)}, got {name}.")
    chosen = names or known
    return tuple(chosen[robot % len(chosen)] for robot in range(robots))
