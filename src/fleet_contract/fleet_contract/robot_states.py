"""Observations and statuses of robots at one tick, as fleet_interfaces/msg/RobotStates carries them.

N robots of the message, S state dim.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.robot import RobotContract
from fleet_contract.wire import packed, require_known, require_lengths


@dataclass(frozen=True)
class RobotStates:
    """What some robots of one driver observe at a tick, and what their last actions led to."""

    tick: int
    stamp: Any
    """Time of the measurement, a builtin_interfaces/msg/Time."""
    robots: tuple[str, ...]
    """Names, (N,)."""
    states_NS: NDArray[np.float64]
    """Observations in the contract's units; NaN for robots that are not observed."""
    episodes_N: NDArray[np.integer]
    violated_N: NDArray[np.bool_]
    succeeded_N: NDArray[np.bool_]
    rewards_N: NDArray[np.float64]
    successes_N: NDArray[np.integer]
    hard_resets_N: NDArray[np.integer]
    unreachable: tuple[str, ...]
    """Why each robot is unreachable, (N,); empty if it is reachable."""
    resting: bool
    """Whether the last tick of the run is over."""

    @property
    def observed(self) -> list[int]:
        """Indices of the robots that are observed at this tick."""
        return [] if self.resting else [index for index, reason in enumerate(self.unreachable) if not reason]


def robot_states_of(message: Any, contract: RobotContract, known: Collection[str]) -> RobotStates:
    """Return the states in a fleet_interfaces/msg/RobotStates.

    Args:
        message: the message.
        contract: contract of the robots.
        known: names of all robots that there are.

    Raises:
        ValueError: the arrays' lengths do not fit each other or the contract, a robot is unknown, or an observed value is not
            finite.
    """
    count, state_dim = len(message.robots), contract.state_dim
    require_known(message.robots, known)
    require_lengths(
        count,
        episodes=message.episodes,
        violated=message.violated,
        succeeded=message.succeeded,
        rewards=message.rewards,
        successes=message.successes,
        hard_resets=message.hard_resets,
        unreachable=message.unreachable,
    )
    values = np.asarray(message.values, dtype=np.float64)
    if values.size != count * state_dim:
        raise ValueError(f"values: expected {state_dim} for each of {count} robots, got {values.size}")
    states = RobotStates(
        tick=message.tick,
        stamp=message.header.stamp,
        robots=tuple(message.robots),
        states_NS=values.reshape(count, state_dim),
        episodes_N=np.asarray(message.episodes),
        violated_N=np.asarray(message.violated, dtype=np.bool_),
        succeeded_N=np.asarray(message.succeeded, dtype=np.bool_),
        rewards_N=np.asarray(message.rewards, dtype=np.float64),
        successes_N=np.asarray(message.successes),
        hard_resets_N=np.asarray(message.hard_resets),
        unreachable=tuple(message.unreachable),
        resting=bool(message.resting),
    )
    for index in states.observed:
        if not np.isfinite(states.states_NS[index]).all():
            raise ValueError(
                f"values: expected finite values for {states.robots[index]}, got {states.states_NS[index].tolist()}"
            )
    return states


def fill_robot_states(message: Any, states: RobotStates) -> None:
    """Write states into a fleet_interfaces/msg/RobotStates."""
    message.header.stamp = states.stamp
    message.tick = states.tick
    message.robots = list(states.robots)
    message.episodes = packed("uint32", states.episodes_N)
    message.values = packed("float64", states.states_NS)
    message.violated = states.violated_N.tolist()
    message.succeeded = states.succeeded_N.tolist()
    message.rewards = packed("float64", states.rewards_N)
    message.successes = packed("uint32", states.successes_N)
    message.hard_resets = packed("uint32", states.hard_resets_N)
    message.unreachable = list(states.unreachable)
    message.resting = states.resting
