"""The allocator, which assigns M humans to N robots and manages the leases (IIFL equation 2).

N robots, M humans.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.allocation_rule import NO_CALL, Ranking, make_rule
from fleet_allocator.dismissals import Dismissals
from fleet_allocator.threshold import OnlineThreshold
from fleet_contract.fleet import AllocationConfig
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.lease_table import Dismissal, LeaseTable
from fleet_contract.signal import VIOLATION

MAX_HUMANS = 1 << 16
"""Largest number of humans. A token encodes the lease's first tick and human, so that tokens also increase after a restart."""


class Allocator:
    """Assigns at most one human to a robot and one robot to a human.

    An intervention lasts at least t_T ticks, a hard reset until it is done. A human stays with a robot that still asks for help and
    is among the most urgent. A robot that violates a constraint during teleoperation is reset by the same human. Humans whom no
    robot needs are idle, or go to the others in the rule's ranking if they may not be idle.

    An alarm that a human has dismissed as false does not count until it is over: until the value has not been above its threshold,
    or has been NaN, at a tick. Other signals of the robot count as before.

    The result depends only on the seed and the arguments of `step`, `refuse`, `hand_back` and `dismiss`.
    """

    def __init__(
        self, config: AllocationConfig, robots: tuple[str, ...], supervisors: tuple[str, ...], seed: int
    ) -> None:
        """Create an allocator without leases.

        Args:
            config: Rules of the allocation.
            robots: Names of the robots.
            supervisors: Names of the humans.
            seed: Seed for breaking ties.

        Raises:
            InputError: there is no such rule, or it cannot work with this order or these options.
        """
        self._config = config
        self._robots = robots
        self._supervisors = supervisors
        self._seed = seed
        self._index = {name: robot for robot, name in enumerate(robots)}
        self._online = {
            signal: OnlineThreshold(config.online_ticks, config.online_percentile)
            for signal in config.order
            if config.threshold(signal) == "online"
        }
        self._rule = make_rule(config, len(supervisors))
        self._asking: list[str] = []
        self._held: dict[int, Lease] = {}
        self._dismissals = Dismissals()
        self._dismissed: list[Dismissal] = []

    def step(
        self,
        tick: int,
        signals: Mapping[str, NDArray[np.float64]],
        available_M: NDArray[np.bool_] | None = None,
        unreachable_N: NDArray[np.bool_] | None = None,
        calibrated: Mapping[str, float] | None = None,
    ) -> LeaseTable:
        """Return the leases of one tick. Ticks must increase.

        Args:
            tick: Tick of the signals.
            signals: By name, the values (N,) of the signals: the violation, 1 or 0, and at least those of the order. A value that is
                NaN does not count.
            available_M: Whether a human can be assigned; by default all can. A human who cannot be assigned loses the robot that they have.
            unreachable_N: Whether a robot is unreachable; by default none is. An unreachable robot gets no human.
            calibrated: By signal, the thresholds of the providers, for those that the allocation has no other for.

        Raises:
            ValueError: a shape does not fit, or a signal or a threshold is missing.
        """
        if available_M is None:
            available_M = np.ones(len(self._supervisors), dtype=bool)
        if unreachable_N is None:
            unreachable_N = np.zeros(len(self._robots), dtype=bool)
        self._require(signals, available_M, unreachable_N)
        signals = {name: np.where(unreachable_N, np.nan, values_N) for name, values_N in signals.items()}
        violated_N = signals[VIOLATION] > 0
        unreachable = set(np.flatnonzero(unreachable_N).tolist())
        generator = np.random.default_rng([self._seed, tick])
        thresholds = self._thresholds(signals, violated_N, calibrated or {})
        ranking = self._rule.rank(self._dismissals.hide(signals, thresholds), thresholds, generator)
        violated = violated_N.tolist()
        present = np.flatnonzero(available_M).tolist()
        places = self._rule.places(len(present), generator)

        held = {human: self._index[self._held[human].robot] for human in present if human in self._held}
        held = {human: robot for human, robot in held.items() if robot not in unreachable}
        helped = {
            human: robot for human, robot in held.items() if self._must_stay(self._held[human], tick, violated[robot])
        }
        candidates = [robot for robot in ranking.candidates if robot not in unreachable]
        chosen = _without(helped, candidates)[: max(0, places - len(helped))]
        urgent = set(chosen)
        helped |= {human: robot for human, robot in held.items() if robot in urgent}
        free = [human for human in present if human not in helped]
        shuffled = [free[index] for index in generator.permutation(len(free)).tolist()]
        helped |= dict(zip(shuffled, _without(helped, chosen), strict=False))

        self._held = {human: self._lease(human, helped[human], tick, violated, ranking) for human in sorted(helped)}
        self._rule.spend(len(helped))
        leases = tuple(self._held.values())
        self._asking = [self._robots[robot] for robot in ranking.asking]
        dismissed, self._dismissed = tuple(self._dismissed), []
        return LeaseTable(tick, leases, self._waiting(leases), thresholds, dismissed)

    def refuse(self, table: LeaseTable, token: int) -> LeaseTable:
        """Return the newest table without an offer that the human did not accept."""
        self.hand_back(token)
        leases = tuple(lease for lease in table.leases if lease.token != token)
        self._rule.spend(len(leases) - len(table.leases))
        return replace(table, leases=leases, waiting=self._waiting(leases))

    def hand_back(self, token: int) -> None:
        """End a lease because the human has handed the robot back."""
        self._held = {human: lease for human, lease in self._held.items() if lease.token != token}

    def dismiss(self, token: int) -> None:
        """End a lease because the human has dismissed its alarm as false. A lease that has ended before changes nothing."""
        for lease in [lease for lease in self._held.values() if lease.token == token and lease.is_alarm]:
            robot = self._index[lease.robot]
            if lease.signal in self._config.order:
                self._dismissals.add(robot, lease.signal)
            else:
                self._rule.dismiss(robot, lease.signal)
            self._dismissed.append(Dismissal(lease.robot, lease.signal))
            self.hand_back(token)

    def least_ticks(self, kind: LeaseKind) -> int:
        """Return the minimum length of a lease, ticks."""
        return self._config.hard_reset_ticks if kind is LeaseKind.HARD_RESET else self._config.intervention_ticks

    def _require(
        self,
        signals: Mapping[str, NDArray[np.float64]],
        available_M: NDArray[np.bool_],
        unreachable_N: NDArray[np.bool_],
    ) -> None:
        missing = {VIOLATION, *self._config.order}.difference(signals)
        if missing:
            raise ValueError(f"signals: expected {', '.join(sorted(missing))}, got {', '.join(signals)}")
        for name, array, count in (
            *((f"signals.{name}", values_N, len(self._robots)) for name, values_N in signals.items()),
            ("available_M", available_M, len(self._supervisors)),
            ("unreachable_N", unreachable_N, len(self._robots)),
        ):
            if array.shape != (count,):
                raise ValueError(f"{name}: expected shape ({count},), got {array.shape}")

    def _thresholds(
        self,
        signals: Mapping[str, NDArray[np.float64]],
        violated_N: NDArray[np.bool_],
        calibrated: Mapping[str, float],
    ) -> dict[str, float]:
        """Return the tick's threshold of every signal of the order.

        Robots in violation do not count in online thresholds, because they would repeat the same value at every tick.
        """
        thresholds = {}
        for signal in self._config.order:
            threshold = self._config.threshold(signal)
            if signal in self._online:
                threshold = self._online[signal].add(np.where(violated_N, np.nan, signals[signal]))
            elif threshold == "calibrated":
                threshold = calibrated.get(signal, math.nan)
            if isinstance(threshold, str) or math.isnan(threshold):
                raise ValueError(f"thresholds.{signal}: expected a number, 'online' or a calibrated provider, got none")
            thresholds[signal] = threshold
        return thresholds

    def _waiting(self, leases: tuple[Lease, ...]) -> tuple[str, ...]:
        helped = {lease.robot for lease in leases}
        return tuple(robot for robot in self._asking if robot not in helped)

    def _must_stay(self, lease: Lease, tick: int, violated: bool) -> bool:
        """Return whether the human must stay with the robot."""
        driving = lease.kind is LeaseKind.TELEOPERATE and tick - lease.since_tick < self._config.intervention_ticks
        return violated or driving

    def _lease(self, human: int, robot: int, tick: int, violated: list[bool], ranking: Ranking) -> Lease:
        """Return the human's present lease if it is for this robot and need, otherwise a new one."""
        name, kind = self._robots[robot], LeaseKind.HARD_RESET if violated[robot] else LeaseKind.TELEOPERATE
        held = self._held.get(human)
        if held is not None and (held.robot, held.kind) == (name, kind):
            return held
        call = ranking.calls.get(robot, NO_CALL)
        return Lease(name, self._supervisors[human], tick * MAX_HUMANS + human + 1, kind, tick, *call)


def _without(helped: dict[int, int], robots: list[int]) -> list[int]:
    """Return the robots that no human helps yet."""
    taken = set(helped.values())
    return [robot for robot in robots if robot not in taken]
