"""Allocations of all fleets are those of the plain model."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from plain_model import PlainModel
from stepping import step

from fleet_allocator.allocator import Allocator
from fleet_contract.fleet import AllocationConfig, numbered
from fleet_contract.lease import LeaseKind
from fleet_contract.lease_table import LeaseTable
from fleet_contract.signal import RISK

LETTERS = ["".join(letters) for length in (1, 2, 3) for letters in permutations("CUR", length)]
SHARES = st.floats(0, 1)


@st.composite
def configs(draw: st.DrawFn, order: str, supervisors: int) -> AllocationConfig:
    idle = draw(st.booleans())
    return AllocationConfig(
        order=order,
        threshold=draw(st.sampled_from([0.0, 1.0, "online"])),
        online_percentile=draw(st.floats(1, 99)),
        online_ticks=draw(st.integers(1, 8)),
        risk_threshold=draw(st.floats(0, 0.99)),
        risk_weight=draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
        idle_humans=idle,
        budget_per_tick=draw(st.floats(0.1, supervisors)) if idle and order == "random" else None,
        intervention_ticks=draw(st.integers(1, 6)),
        hard_reset_ticks=draw(st.integers(1, 6)),
    )


class Fleet(RuleBasedStateMachine):
    """Random uncertainties, risks, violations, unavailable humans, refusals, returns and dismissals."""

    table: LeaseTable | None = None

    def __init__(self, order: str) -> None:
        super().__init__()
        self.order = order

    @initialize(
        data=st.data(),
        robots=st.integers(2, 6) | st.integers(2, 60) | st.integers(2, 1000),
        share=SHARES,
        seed=st.integers(0, 2**16),
    )
    def begin(self, data: st.DataObject, robots: int, share: float, seed: int) -> None:
        self.robots, self.supervisors = robots, 1 + int(share * (robots - 2))
        self.config = data.draw(configs(self.order, self.supervisors))
        names = numbered("robot", robots), numbered("human", self.supervisors)
        self.allocator = Allocator(self.config, *names, seed)
        self.model = PlainModel(self.config, *names)
        self.random = np.random.default_rng(seed)
        self.violated = np.zeros(robots, bool)
        self.tick = 0

    @rule(
        ticks=st.integers(1, 12),
        scale=st.sampled_from([0.0, 0.3, 1.0, 3.0]),
        whole=st.booleans(),
        violating=SHARES,
        unavailable=SHARES,
    )
    def pass_time(self, ticks: int, scale: float, whole: bool, violating: float, unavailable: float) -> None:
        for _ in range(ticks):
            uncertain = self.random.exponential(scale, self.robots)
            uncertain = np.round(uncertain) if whole else uncertain
            risky = self.random.random(self.robots)
            self.violated = self.violated | (self.random.random(self.robots) < violating**2)
            available = self.random.random(self.supervisors) >= unavailable**2
            risks = risky if RISK in self.config.order else None
            self.table = step(self.allocator, self.tick, uncertain, self.violated, available, risks)
            self.model.check(self.table, self.tick, uncertain, self.violated, available, risky)
            done = {
                lease.robot
                for lease in self.table.leases
                if lease.kind is LeaseKind.HARD_RESET
                and self.tick - lease.since_tick == self.config.hard_reset_ticks - 1
            }
            self.violated = self.violated & [name not in done for name in self.model.robots]
            self.tick += 1

    @precondition(lambda self: self.table and self.table.offers)
    @rule(which=SHARES)
    def refuse(self, which: float) -> None:
        offer = self.table.offers[math.floor(which * (len(self.table.offers) - 1))]
        self.table = self.allocator.refuse(self.table, offer.token)
        assert offer not in self.table.leases
        assert offer not in self.table.offers
        self.model.drop(offer.token)
        self.model.check_waiting(self.table)

    @precondition(lambda self: self.table and self.table.leases)
    @rule(which=SHARES)
    def hand_back(self, which: float) -> None:
        lease = self.table.leases[math.floor(which * (len(self.table.leases) - 1))]
        self.allocator.hand_back(lease.token)
        self.model.drop(lease.token)

    @precondition(lambda self: self.table and self.table.leases)
    @rule(which=SHARES)
    def dismiss(self, which: float) -> None:
        """Dismiss an alarm; a lease that has ended or is no alarm stays as it is."""
        lease = self.table.leases[math.floor(which * (len(self.table.leases) - 1))]
        self.allocator.dismiss(lease.token)
        if lease.is_alarm and lease in self.model.held.values():
            self.model.dismiss(lease)


@pytest.mark.parametrize("order", [*LETTERS, "TD", "random"])
def test_every_fleet(order: str) -> None:
    few = settings(max_examples=10, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(lambda: Fleet(order), settings=few)
