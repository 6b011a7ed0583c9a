"""The allocator: sends M supervisors to N robots, and keeps the leases (IIFL equation 2).

N robots, M supervisors.
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

MOST_LEASES_A_TICK = 1 << 16
"""A token is the lease's first tick and its supervisor: it grows also across a restart of the allocator."""


@dataclass(frozen=True)
class Table:
    """Who holds whom at one tick."""

    leases: tuple[Lease, ...]
    offers: tuple[Lease, ...]
    """Those of the leases that begin at this tick; the supervisor has not agreed yet."""
    waiting: tuple[str, ...]
    """Robots that ask for help and have no human, most urgent first."""
    threshold: float
    """Threshold of the uncertainty, nats; infinite while an online one has not seen enough."""


class Allocator:
    """At most one human per robot and one robot per human; an intervention lasts at least t_T ticks, a reset until done.

    A human who is with a robot that still asks for help, among the most urgent, stays with it. A robot that gets into
    violation under a human's hand is reset by that human. Humans for whom no robot asks are idle, or else with the most
    uncertain of the others. The random rule sends as many humans as its budget allows, to any robots; those in
    violation are not preferred.

    Everything follows from the seed and from what `step`, `refuse` and `hand_back` were given.
    """

    def __init__(
        self, config: AllocationConfig, robots: tuple[str, ...], supervisors: tuple[str, ...], seed: int
    ) -> None:
        """`config` must hold a threshold in nats, or an online one.

        Raises:
            ValueError: the threshold has yet to be looked up.
        """
        if config.threshold == "calibrated":
            raise ValueError("threshold is 'calibrated', allowed is a number in nats or 'online'")
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
        """The leases of one tick. Ticks must grow.

        Args:
            tick: tick of the uncertainties.
            uncertainties_N: disagreement of the policy's ensemble, nats.
            violated_N: robots that need a hard reset.
            available_M: supervisors who can be sent somewhere; all of them by default. Who is not available loses
                the robot.
            risks_N: a critic's prediction of failure, 0 to 1; for orders that need it.
            unreachable_N: robots that cannot be reached; none by default. They get no human, and lose the one they have.

        Raises:
            ValueError: a length does not fit, or the order needs risks and there are none.
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
                raise ValueError(f"{name}: found shape {array.shape}, allowed is ({count},)")
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
            human: robot for human, robot in held.items() if self._bound(self._held[human], tick, violated[robot])
        }
        candidates = [robot for robot in ranking.candidates if robot not in unreachable]
        chosen = _without(helped, candidates)[: max(0, places - len(helped))]
        urgent = set(chosen)
        helped |= {human: robot for human, robot in held.items() if robot in urgent}
        free = [human for human in present if human not in helped]
        drawn = [free[index] for index in generator.permutation(len(free)).tolist()]
        helped |= dict(zip(drawn, _without(helped, chosen), strict=False))

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
        """The newest table without an offer that its supervisor did not take."""
        self.hand_back(token)
        leases = tuple(lease for lease in table.leases if lease.token != token)
        if self._budget is not None:
            self._budget.spend(len(leases) - len(table.leases))
        offers = tuple(lease for lease in table.offers if lease.token != token)
        return replace(table, leases=leases, offers=offers, waiting=self._waiting(leases))

    def hand_back(self, token: int) -> None:
        """A supervisor has given a robot back: the lease is not renewed."""
        self._held = {human: lease for human, lease in self._held.items() if lease.token != token}

    def least_ticks(self, kind: LeaseKind) -> int:
        """Ticks for which a supervisor is not called away."""
        return self._config.hard_reset_ticks if kind is LeaseKind.HARD_RESET else self._config.intervention_ticks

    def _threshold_of(self, uncertainties_N: NDArray[np.float64], violated_N: NDArray[np.bool_]) -> float:
        """The threshold of the next tick. A robot in violation stays where it is unsure, and would count again and again."""
        if isinstance(self._threshold, OnlineThreshold):
            return self._threshold.add(np.where(violated_N, np.nan, uncertainties_N))
        return self._threshold

    def _waiting(self, leases: tuple[Lease, ...]) -> tuple[str, ...]:
        helped = {lease.robot for lease in leases}
        return tuple(robot for robot in self._asking if robot not in helped)

    def _bound(self, lease: Lease, tick: int, violated: bool) -> bool:
        """Whether the human cannot be called away."""
        driving = lease.kind is LeaseKind.TELEOPERATE and tick - lease.since_tick < self._config.intervention_ticks
        return violated or driving

    def _lease(self, human: int, robot: int, tick: int, violated: list[bool]) -> Lease:
        """The lease that the supervisor has already, or a new one where the robot or its need is another."""
        name, kind = self._robots[robot], LeaseKind.HARD_RESET if violated[robot] else LeaseKind.TELEOPERATE
        held = self._held.get(human)
        if held is not None and (held.robot, held.kind) == (name, kind):
            return held
        return Lease(name, self._supervisors[human], tick * MOST_LEASES_A_TICK + human + 1, kind, tick)


def _without(helped: dict[int, int], robots: list[int]) -> list[int]:
    """The robots that nobody helps yet."""
    taken = set(helped.values())
    return [robot for robot in robots if robot not in taken]
