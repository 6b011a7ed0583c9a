"""What robots saw, who drove them and what that led to, collected while the fleet runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_contract.action import ActionKind, RobotAction
from fleet_contract.lease_table import LeaseTable
from fleet_contract.robot_states import RobotStates
from fleet_learning.step_join import StepJoin

MOST_BYTES = 256 * 2**20
"""Memory, bytes, of the moves that are kept; of a longer round, the newest."""
BYTES_BESIDE = 1024
"""Memory, bytes, of a move beside its observation."""


@dataclass(frozen=True)
class RobotStep:
    """One tick of one robot."""

    robot: int
    """Index of the robot."""
    tick: int
    episode: int
    """Number of the robot's episode, which changes when a new one begins."""
    kind: ActionKind
    """What the robot did."""
    human: bool
    """Whether a human moved it."""
    observation: NDArray[np.generic] | None
    """What it saw before, a state (S,) or an image (H, W, C); None if it did not move."""
    violated: bool
    """Whether it was in constraint violation before."""
    succeeded: bool
    """Whether it has completed its task."""
    broken: bool
    """Whether it has caused a constraint violation."""
    over: bool
    """Whether its next state belongs to another episode."""
    dismissed: bool = False
    """Whether a human has dismissed its alarm."""
    action: tuple[float, ...] = ()
    """Action that the robot carried out, in its units; empty if it did not move."""


@dataclass(frozen=True, slots=True)
class _Status:
    episode: int
    violated: bool
    succeeded: bool
    observed: bool


class RobotSteps(StepJoin):
    """Collects the steps of all robots, in any order of arrival."""

    def __init__(self, robots: int) -> None:
        """`robots` is the number of robots of the fleet."""
        super().__init__(robots)
        self._statuses: dict[int, dict[int, _Status]] = {}
        self._dismissed: set[tuple[int, int]] = set()
        self._newest_table = -1
        self._kept: dict[tuple[int, int], tuple[RobotAction, NDArray[np.generic]]] = {}
        self._bytes = 0

    @override
    def keep(self, tick: int, robot: int, observation: NDArray[np.generic], action: RobotAction) -> None:
        if action.kind is ActionKind.MOVE:
            self._kept[tick, robot] = (action, observation)
            self._bytes += observation.nbytes + BYTES_BESIDE
            while self._bytes > MOST_BYTES:
                oldest, _ = key = next(iter(self._kept))
                self._forget([key])
                self._statuses = {at: rows for at, rows in self._statuses.items() if at >= oldest}

    @override
    def add_states(self, states: RobotStates, index: Mapping[str, int]) -> None:
        observed = set(states.observed)
        rows = self._statuses.setdefault(states.tick, {})
        for row, name in enumerate(states.robots):
            rows[index[name]] = _Status(
                int(states.episodes_N[row]),
                bool(states.violated_N[row]),
                bool(states.succeeded_N[row]),
                row in observed,
            )

    def add_leases(self, table: LeaseTable, index: Mapping[str, int]) -> None:
        """Add what humans have dismissed at the tick before; `index` has the robots' indices by name."""
        self._newest_table = max(self._newest_table, table.tick)
        self._dismissed |= {(table.tick - 1, index[own.robot]) for own in table.dismissals if own.robot in index}

    @override
    def has_all_of(self, tick: int) -> bool:
        """Return whether all that belongs to steps up to this tick has arrived, or is declared lost.

        The lease table of the next tick, which lists what was dismissed at this one, comes too late: in lockstep, the next tick waits.
        """
        known = self._newest_table >= tick and len(self._statuses.get(tick + 1, ())) == self._robots
        return (known or tick < self._complete_before) and super().has_all_of(tick)

    def take_between(self, first: int, end: int) -> list[RobotStep]:
        """Return the steps of the ticks first <= t < end, sorted by robot and tick, and forget all before `end`."""
        ticks = sorted(tick for tick in self._statuses if first <= tick < end)
        steps = [
            step for robot in range(self._robots) for tick in ticks if (step := self._step(tick, robot)) is not None
        ]
        self._statuses = {tick: rows for tick, rows in self._statuses.items() if tick >= end}
        self._dismissed = {key for key in self._dismissed if key[0] >= end}
        self._forget([key for key in self._kept if key[0] < end])
        return steps

    def _forget(self, moves: Sequence[tuple[int, int]]) -> None:
        for key in moves:
            _, observation = self._kept.pop(key)
            self._bytes -= observation.nbytes + BYTES_BESIDE

    def _step(self, tick: int, robot: int) -> RobotStep | None:
        """Return a step; None if the robot was not observed. A move without an observation counts as holding."""
        before = self._statuses[tick].get(robot)
        if before is None or not before.observed:
            return None
        after = self._statuses.get(tick + 1, {}).get(robot)
        action, observation = self._kept.get((tick, robot), (None, None))
        return RobotStep(
            robot,
            tick,
            before.episode,
            kind=action.kind if action else ActionKind.HOLD,
            human=bool(action and action.shows),
            observation=observation,
            violated=before.violated,
            succeeded=bool(after and after.succeeded),
            broken=bool(after and after.violated) and not before.violated,
            over=bool(after and after.episode != before.episode),
            dismissed=(tick, robot) in self._dismissed,
            action=action.values if action else (),
        )
