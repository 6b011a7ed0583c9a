"""An independent statement of what an allocation must be: Fleet-DAgger's tuples, equation 2, and the timers."""

from __future__ import annotations

import math

import numpy as np

from fleet_contract.fleet import AllocationConfig
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.lease_table import LeaseTable
from fleet_contract.signal import RISK, UNCERTAINTY, VIOLATION

SCORE_THRESHOLD = 0.15


class PlainModel:
    """Stores the whole history, and checks a tick's table against it."""

    def __init__(self, config: AllocationConfig, robots: tuple[str, ...], supervisors: tuple[str, ...]) -> None:
        self.config, self.robots, self.supervisors = config, robots, supervisors
        self.held: dict[str, Lease] = {}
        self.asking: dict[str, tuple[float, ...]] = {}
        self.lengths: dict[Lease, int] = {}
        self.newest_token = 0
        self.history: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.dismissed: set[tuple[str, str]] = set()
        self.newly_dismissed: list[tuple[str, str]] = []

    def threshold(self) -> float:
        if self.config.threshold(UNCERTAINTY) != "online":
            return self.config.threshold(UNCERTAINTY)
        last = self.history[-self.config.online_ticks :]
        seen = np.concatenate([uncertainties[~violated] for uncertainties, violated, _ in last])
        enough = len(last) == self.config.online_ticks and len(seen)
        return float(np.percentile(seen, self.config.online_percentile)) if enough else math.inf

    @property
    def risk_weight(self) -> float:
        return self.config.options["risk_weight"]

    def scores(self) -> list[float]:
        """Return ThriftyDAgger's scores, over the whole history."""
        sums = np.zeros(len(self.robots))
        for part, weight in ((2, self.risk_weight), (0, 1 - self.risk_weight)):
            values_so_far = np.array([tick[part] for tick in self.history])
            if (deviation := values_so_far.std()) > 1e-12:
                sums += weight * (self.history[-1][part] - values_so_far.mean()) / deviation
        return [total if total > SCORE_THRESHOLD else 0.0 for total in sums.tolist()]

    def tuples(self) -> dict[str, tuple[float, ...]]:
        """Return what the order compares, per robot; a robot with zeros only does not ask for help.

        A value counts as zero from its dismissal to the first tick at which it is not above its threshold.
        """
        uncertainties, violated, risks = (array.tolist() for array in self.history[-1])
        threshold = self.threshold()
        values = {
            VIOLATION: [1.0 if is_violated else 0.0 for is_violated in violated],
            UNCERTAINTY: [u if u > threshold else 0.0 for u in uncertainties],
            RISK: [risk if risk > self.config.thresholds.get(RISK, 1.0) else 0.0 for risk in risks],
        }
        names = list(self.config.order)
        if self.config.rule == "td":
            names, values["td"] = ["td", VIOLATION], self.scores()
        columns = [values[signal] for signal in names]
        self.dismissed = {
            (robot, signal)
            for robot, signal in self.dismissed
            if signal in names and values[signal][self.robots.index(robot)]
        }
        for robot, signal in self.dismissed:
            values[signal][self.robots.index(robot)] = 0.0
        return {name: tuple(column[i] for column in columns) for i, name in enumerate(self.robots)}

    def check(self, table: LeaseTable, tick: int, uncertainties, violated, available, risks) -> None:
        self.history.append((uncertainties, violated, risks))
        keys = self.tuples()
        needs_reset = dict(zip(self.robots, violated.tolist(), strict=True))
        present = [
            name for name, is_available in zip(self.supervisors, available.tolist(), strict=True) if is_available
        ]
        before = {name: lease for name, lease in self.held.items() if name in present}
        after = {lease.supervisor: lease for lease in table.leases}
        if UNCERTAINTY in self.config.order:
            assert table.threshold(UNCERTAINTY) == self.threshold()

        assert list(table.dismissals) == self.newly_dismissed
        self.newly_dismissed = []

        # Equation 2.
        helped = {lease.robot for lease in table.leases}
        assert len(after) == len(helped) == len(table.leases)
        assert list(after) == [name for name in present if name in after]

        # The timers.
        bound = {
            name: lease.robot
            for name, lease in before.items()
            if needs_reset[lease.robot]
            or (lease.kind is LeaseKind.TELEOPERATE and tick - lease.since_tick < self.config.intervention_ticks)
        }
        assert all(name in after and after[name].robot == robot for name, robot in bound.items())

        # The most urgent of the others get the other humans.
        self.asking = {name: key for name, key in keys.items() if any(key)}
        if self.config.idle_humans and self.config.rule != "random":
            candidates = self.asking
        elif self.config.rule == "random":
            candidates = keys
        else:
            calm = dict(zip(self.robots, uncertainties.tolist(), strict=True))
            calm |= {robot: -math.inf for robot, signal in self.dismissed if signal == UNCERTAINTY}
            candidates = {name: (*key, 0.0 if any(key) else calm[name]) for name, key in keys.items()}
        taken = set(bound.values())
        candidates = {name: key for name, key in candidates.items() if name not in taken}
        chosen = helped - taken
        if self.config.options.get("budget_per_tick") is None:
            assert len(chosen) == min(len(present) - len(bound), len(candidates))
        most_urgent = sorted(candidates.values(), reverse=True)
        assert sorted((candidates[name] for name in chosen), reverse=True) == most_urgent[: len(chosen)]

        # Humans are not moved without need, and leases are new only if something changed.
        for name, lease in before.items():
            if lease.robot in chosen:
                assert after[name].robot == lease.robot
        for name, lease in after.items():
            assert (lease.kind is LeaseKind.HARD_RESET) == needs_reset[lease.robot]
            old = before.get(name)
            if old and (old.robot, old.kind) == (lease.robot, lease.kind):
                assert lease == old
            else:
                assert lease.since_tick == tick
                assert lease.token > self.newest_token
        assert table.offers == tuple(lease for lease in table.leases if lease.since_tick == tick)
        assert len({lease.token for lease in table.leases}) == len(table.leases)
        self.check_waiting(table)

        self.newest_token = max([self.newest_token, *(lease.token for lease in table.leases)])
        self.check_lengths(before, after, needs_reset)
        self.held = after

    def check_waiting(self, table: LeaseTable) -> None:
        helped = {lease.robot for lease in table.leases}
        assert set(table.waiting) == set(self.asking) - helped
        urgency = [self.asking[name] for name in table.waiting]
        assert urgency == sorted(urgency, reverse=True)

    def check_lengths(self, before: dict[str, Lease], after: dict[str, Lease], needs_reset: dict[str, bool]) -> None:
        """Check that interventions that ended by themselves lasted at least t_T, and hard resets t_R."""
        for name, lease in before.items():
            if after.get(name) == lease:
                continue
            length = self.lengths[lease]
            if lease.kind is LeaseKind.HARD_RESET:
                assert length == self.config.hard_reset_ticks
            elif not needs_reset[lease.robot]:
                assert length >= self.config.intervention_ticks
            else:
                assert after[name].robot == lease.robot
        for lease in after.values():
            self.lengths[lease] = self.lengths.get(lease, 0) + 1

    def dismiss(self, lease: Lease) -> None:
        """Remove a lease whose alarm was dismissed; the robot does not ask by it again before it is over."""
        self.dismissed.add((lease.robot, lease.signal))
        self.newly_dismissed.append((lease.robot, lease.signal))
        self.drop(lease.token)

    def drop(self, token: int) -> None:
        """Remove a lease that was refused or handed back."""
        self.held = {name: lease for name, lease in self.held.items() if lease.token != token}
