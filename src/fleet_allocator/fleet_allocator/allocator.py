"""The allocator, which assigns M humans to N robots and manages the leases (IIFL equation 2).

N robots, M humans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.budget import Budget
from fleet_allocator.priority import Priority
from fleet_allocator.threshold import OnlineThreshold
from fleet_contract.fleet import AllocationConfig
from fleet_contract.lease import Lease, LeaseKind

MAX_HUMANS = 1 << 16
"""Largest number of humans. A token encodes the lease's first tick and human, so that tokens also increase after a restart."""


@dataclass(frozen=True)
class Table:
    """Which human has which robot at one tick."""

    leases: tuple[Lease, ...]
    """All leases, by human."""
    offers: tuple[Lease, ...]
    """Leases that start at this tick and that their humans have not accepted yet."""
    waiting: tuple[str, ...]
    """Robots that ask for help and have no human, most urgent first."""
    threshold: float
    """Threshold of the uncertainty, nats; infinite until the window of an online threshold is full."""


class Allocator:
    """Assigns at most one human to a robot and one robot to a human.

    An intervention lasts at least t_T ticks, a hard reset until it is done. A human stays with a robot that still asks for help and
    is among the most urgent. A robot that violates a constraint during teleoperation is reset by the same human. Humans whom no
    robot needs are idle, or go to the most uncertain of the other robots if they may not be idle. The random rule assigns as many
    humans as its budget allows to any robots, without preferring those in violation.

    The result depends only on the seed and the arguments of `step`, `refuse` and `hand_back`.
    """

    def __init__(
        self, config: AllocationConfig, robots: tuple[str, ...], supervisors: tuple[str, ...], seed: int
    ) -> None:
        """Create an allocator without leases.

        Args:
            config: Rules of the allocation, with a threshold in nats or an online threshold.
            robots: Names of the robots.
            supervisors: Names of the humans.
            seed: Seed for breaking ties.

        Raises:
            ValueError: the threshold is still to be read from the checkpoint.
        """
        if config.threshold == "calibrated":
            raise ValueError("threshold: expected a number in nats or 'online', got 'calibrated'")
        self._config = config
        self._robots = robots
        self._supervisors = supervisors
        self._seed = seed
        self._index = {name: robot for robot, name in enumerate(robots)}
        self._threshold = (
            OnlineThreshold(config.online_ticks, config.online_percentile)
            if config.threshold == "online"
            else config.threshold
        )
        self._priority = Priority(config)
        self._budget = None
        if config.order == "random" and config.budget_per_tick is not None:
            self._budget = Budget(config.budget_per_tick, len(supervisors))
        self._asking: list[str] = []
        self._held: dict[int, Lease] = {}

    def step(
        self,
        tick: int,
        uncertainties_N: NDArray[np.float64],
        violated_N: NDArray[np.bool_],
        available_M: NDArray[np.bool_] | None = None,
        risks_N: NDArray[np.float64] | None = None,
        unreachable_N: NDArray[np.bool_] | None = None,
    ) -> Table:
        """Return the leases of one tick. Ticks must increase.

        Args:
            tick: Tick of the uncertainties.
            uncertainties_N: Disagreement of the policy's ensemble, nats.
            violated_N: Whether a robot needs a hard reset.
            available_M: Whether a human can be assigned; by default all can. A human who cannot be assigned loses the robot that they have.
            risks_N: A critic's prediction of failure, 0 to 1; required by some orders.
            unreachable_N: Whether a robot is unreachable; by default none is. An unreachable robot gets no human.

        Raises:
            ValueError: a shape does not fit, or the order needs risks and there are none.
        """
        if available_M is None:
            available_M = np.ones(len(self._supervisors), dtype=bool)
        if unreachable_N is None:
            unreachable_N = np.zeros(len(self._robots), dtype=bool)
        for name, array, count in (
            ("uncertainties_N", uncertainties_N, len(self._robots)),
            ("violated_N", violated_N, len(self._robots)),
            ("available_M", available_M, len(self._supervisors)),
            ("unreachable_N", unreachable_N, len(self._robots)),
        ):
            if array.shape != (count,):
                raise ValueError(f"{name}: expected shape ({count},), got {array.shape}")
        uncertainties_N = np.where(unreachable_N, np.nan, uncertainties_N)
        violated_N = violated_N & ~unreachable_N
        unreachable = set(np.flatnonzero(unreachable_N).tolist())
        generator = np.random.default_rng([self._seed, tick])
        threshold = self._threshold_of(uncertainties_N, violated_N)
        ranking = self._priority.rank(uncertainties_N, violated_N, risks_N, threshold, generator)
        violated = violated_N.tolist()
        present = np.flatnonzero(available_M).tolist()
        places = len(present) if self._budget is None else min(len(present), self._budget.draw(generator))

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

        self._held = {human: self._lease(human, helped[human], tick, violated) for human in sorted(helped)}
        if self._budget is not None:
            self._budget.spend(len(helped))
        leases = tuple(self._held.values())
        self._asking = [self._robots[robot] for robot in ranking.asking]
        return Table(
            leases=leases,
            offers=tuple(lease for lease in leases if lease.since_tick == tick),
            waiting=self._waiting(leases),
            threshold=threshold,
        )

    def refuse(self, table: Table, token: int) -> Table:
        """Return the newest table without an offer that the human did not accept."""
        self.hand_back(token)
        leases = tuple(lease for lease in table.leases if lease.token != token)
        if self._budget is not None:
            self._budget.spend(len(leases) - len(table.leases))
        offers = tuple(lease for lease in table.offers if lease.token != token)
        return replace(table, leases=leases, offers=offers, waiting=self._waiting(leases))

    def hand_back(self, token: int) -> None:
        """End a lease because the human has handed the robot back."""
        self._held = {human: lease for human, lease in self._held.items() if lease.token != token}

    def least_ticks(self, kind: LeaseKind) -> int:
        """Return the minimum length of a lease, ticks."""
        return self._config.hard_reset_ticks if kind is LeaseKind.HARD_RESET else self._config.intervention_ticks

    def _threshold_of(self, uncertainties_N: NDArray[np.float64], violated_N: NDArray[np.bool_]) -> float:
        """Return the tick's threshold. Robots in violation do not count, because they would repeat the same uncertainty at every tick."""
        if isinstance(self._threshold, OnlineThreshold):
            return self._threshold.add(np.where(violated_N, np.nan, uncertainties_N))
        return self._threshold

    def _waiting(self, leases: tuple[Lease, ...]) -> tuple[str, ...]:
        helped = {lease.robot for lease in leases}
        return tuple(robot for robot in self._asking if robot not in helped)

    def _must_stay(self, lease: Lease, tick: int, violated: bool) -> bool:
        """Return whether the human must stay with the robot."""
        driving = lease.kind is LeaseKind.TELEOPERATE and tick - lease.since_tick < self._config.intervention_ticks
        return violated or driving

    def _lease(self, human: int, robot: int, tick: int, violated: list[bool]) -> Lease:
        """Return the human's present lease if it is for this robot and need, otherwise a new one."""
        name, kind = self._robots[robot], LeaseKind.HARD_RESET if violated[robot] else LeaseKind.TELEOPERATE
        held = self._held.get(human)
        if held is not None and (held.robot, held.kind) == (name, kind):
            return held
        return Lease(name, self._supervisors[human], tick * MAX_HUMANS + human + 1, kind, tick)


def _without(helped: dict[int, int], robots: list[int]) -> list[int]:
    """Return the robots that no human helps yet."""
    taken = set(helped.values())
    return [robot for robot in robots if robot not in taken]
