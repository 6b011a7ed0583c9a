"""The random rule keeps its budget despite timers, refusals and unavailable humans, and prefers no robot."""

from __future__ import annotations

import numpy as np
import pytest
from stepping import step

from fleet_allocator.allocator import Allocator
from fleet_allocator.budget import Budget
from fleet_contract.fleet import AllocationConfig, numbered
from fleet_contract.lease import LeaseKind


def allocator(robots: int, supervisors: int, budget: float, ticks: int = 5) -> Allocator:
    config = AllocationConfig(order="random", threshold=1.0, budget_per_tick=budget, intervention_ticks=ticks)
    return Allocator(config, numbered("robot", robots), numbered("human", supervisors), seed=3)


@pytest.mark.parametrize("budget", [0.4, 2.0, 5.5, 9.0])
@pytest.mark.parametrize("intervention_ticks", [1, 5])
def test_the_budget_is_kept_in_the_long_run(budget, intervention_ticks):
    one, ticks = allocator(30, 10, budget, intervention_ticks), 2000
    busy = [len(step(one, tick, np.zeros(30), np.zeros(30, bool)).leases) for tick in range(ticks)]
    # The remaining budget is never more than the actions of all humans in a few interventions.
    assert abs(sum(busy) - budget * ticks) < 60
    assert max(busy) <= 10


def test_the_number_of_busy_humans_varies_around_the_budget():
    one = allocator(200, 100, 50.0, ticks=1)
    busy = np.array([len(step(one, tick, np.zeros(200), np.zeros(200, bool)).leases) for tick in range(1000)])
    assert busy.mean() == pytest.approx(50, abs=0.5)
    # Draws have a standard deviation of 10, and their mean compensates the previous draw.
    assert busy.std() == pytest.approx(np.sqrt(2) * 10, rel=0.1)


def test_draws_are_normal_around_the_remaining_budget():
    generator, budget = np.random.default_rng(0), Budget(20.0, supervisors=50)
    draws = []
    for _ in range(4000):
        draws.append(budget.draw(generator))
        budget.spend(20)
    assert np.mean(draws) == pytest.approx(20, abs=0.4)
    assert np.std(draws) == pytest.approx(5, rel=0.05)


def test_no_human_is_assigned_after_the_budget_is_exceeded():
    budget = Budget(1.0, supervisors=1)
    budget.spend(100)
    assert all(budget.draw(np.random.default_rng(seed)) == 0 for seed in range(50))


def test_refusals_and_unavailable_humans_are_compensated():
    one, random, actions = allocator(30, 10, 4.0), np.random.default_rng(0), 0
    for tick in range(2000):
        table = step(one, tick, np.zeros(30), np.zeros(30, bool), random.random(10) < 0.8)
        for lease in table.offers:
            if random.random() < 0.3:
                table = one.refuse(table, lease.token)
        assert table.waiting == ()
        actions += len(table.leases)
    assert abs(actions - 8000) < 60


def test_robots_in_violation_are_not_preferred_but_are_reset_completely():
    one, first_resets = allocator(10, 1, 1.0, ticks=1), []
    for run in range(1000):
        violated = np.arange(10) == 4
        table = step(one, 2 * run, np.arange(10.0), violated)
        for lease in table.leases:
            first_resets.append(lease.kind is LeaseKind.HARD_RESET)
            assert first_resets[-1] == (lease.robot == "robot_05")
            following = step(one, 2 * run + 1, np.zeros(10), violated)
            if first_resets[-1]:
                assert following.leases == table.leases
            for held in following.leases:
                one.hand_back(held.token)
    # One in ten; five standard deviations of a binomial of about 700 draws are 40.
    assert len(first_resets) > 400
    assert abs(sum(first_resets) - len(first_resets) / 10) < 40


def test_interventions_keep_their_length_although_other_robots_are_drawn():
    one, lengths = allocator(20, 6, 3.0, ticks=4), {}
    for tick in range(500):
        for lease in step(one, tick, np.zeros(20), np.zeros(20, bool)).leases:
            assert tick - lease.since_tick == lengths.get(lease, 0)
            lengths[lease] = lengths.get(lease, 0) + 1
    ended = [length for lease, length in lengths.items() if lease.since_tick < 490]
    assert min(ended) == 4
    assert len({lease.robot for lease in lengths}) == 20


def test_without_idle_humans_all_are_busy_and_there_is_no_budget():
    config = AllocationConfig(order="random", threshold=1.0, idle_humans=False)
    one = Allocator(config, numbered("robot", 8), numbered("human", 5), seed=0)
    assert {len(step(one, tick, np.zeros(8), np.zeros(8, bool)).leases) for tick in range(50)} == {5}
