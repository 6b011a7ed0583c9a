"""Joins observations and released actions by tick and robot, whichever arrives first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionSource, RobotAction
from fleet_contract.robot_states import RobotStates


class StepJoin(ABC):
    """Joins what robots observed to what they then did, and knows which ticks are complete. Its subclasses say what is kept."""

    def __init__(self, robots: int) -> None:
        """`robots` is the number of robots of the fleet."""
        self._robots = robots
        self._observations: dict[tuple[int, int], NDArray[np.generic]] = {}
        self._actions: dict[tuple[int, int], RobotAction] = {}
        self._joined: dict[int, set[int]] = {}
        self._first_ticks = [0] * robots
        self._complete_before = 0

    @abstractmethod
    def keep(self, tick: int, robot: int, observation: NDArray[np.generic], action: RobotAction) -> None:
        """Keep what is needed of a robot's observation and the action that followed it."""

    def add_states(self, states: RobotStates, index: Mapping[str, int]) -> None:  # noqa: B027 - not all subclasses need it
        """Add what robots observed, and what their last actions led to; by default, only images and actions are needed.

        Args:
            states: the states of some robots at a tick.
            index: the robots' indices by name.
        """

    def begin(self, robot: int, tick: int) -> None:
        """Declare that the robot's observations before this tick are lost: they are not joined, or waited for."""
        self._first_ticks[robot] = tick
        for earlier, _ in [key for key in self._actions if key[1] == robot and key[0] < tick]:
            del self._actions[earlier, robot]
            self._joined.setdefault(earlier, set()).add(robot)

    def add_observation(self, tick: int, robot: int, observation: NDArray[np.generic]) -> None:
        """Add a robot's observation."""
        if not self._has(tick, robot):
            self._observations[tick, robot] = observation
            self._join(tick, robot)

    def add_action(self, robot: int, action: RobotAction) -> None:
        """Add a robot's action, as the gate released it.

        An action that nobody decided needs no observation: the robot may be unreachable.
        """
        if action.source is ActionSource.NOBODY or action.tick < self._first_ticks[robot]:
            self._observations.pop((action.tick, robot), None)
            self._joined.setdefault(action.tick, set()).add(robot)
        elif not self._has(action.tick, robot):
            self._actions[action.tick, robot] = action
            self._join(action.tick, robot)

    def give_up_before(self, tick: int) -> None:
        """Declare that what has not arrived of the ticks before this one is lost."""
        self._complete_before = tick

    def has_all_of(self, tick: int) -> bool:
        """Return whether the observations and actions of all robots up to this tick have arrived or are declared lost."""
        if tick < self._complete_before:
            return True
        unjoined = any(self._complete_before <= waiting <= tick for waiting, _ in self._actions)
        return len(self._joined.get(tick, ())) == self._robots and not unjoined

    def _has(self, tick: int, robot: int) -> bool:
        return robot in self._joined.get(tick, ())

    def _join(self, tick: int, robot: int) -> None:
        key = (tick, robot)
        if key not in self._observations or key not in self._actions:
            return
        observation, action = self._observations.pop(key), self._actions.pop(key)
        self._joined.setdefault(tick, set()).add(robot)
        self.keep(tick, robot, observation, action)
