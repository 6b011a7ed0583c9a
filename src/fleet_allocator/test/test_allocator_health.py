"""Checks of the allocator: available humans, waiting robots, and leases that were not answered."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from stepping import step
from test_allocator import allocator

from fleet_allocator.allocator_health import LONG_TICKS, AllocatorHealth
from fleet_common.health import Level
from fleet_common.recent_window import WINDOW_S
from fleet_contract.fleet import numbered
from fleet_contract.lease_table import LeaseTable

ROBOTS, HUMANS = numbered("robot", 3), numbered("human", 2)
AVAILABLE, UNAVAILABLE = dict.fromkeys(HUMANS, True), dict.fromkeys(HUMANS, False)


def no_leases(tick: int) -> LeaseTable:
    return LeaseTable(tick, waiting=("robot_02",))


def test_humans_are_counted_and_unavailable_ones_are_named():
    health = AllocatorHealth()
    health.allocated(step(allocator(3, 2), 0, np.array([5.0, 0.0, 0.0]), np.zeros(3, bool)), set())
    humans, *_ = health.checks(0.0, AVAILABLE | {"human_02": False})
    assert humans.level is Level.OK
    assert humans.values == {"available": 1, "busy": 1, "unavailable": "human_02"}


def test_waiting_robots_without_available_humans_are_a_warning():
    health = AllocatorHealth()
    assert health.checks(0.0, UNAVAILABLE)[0].level is Level.OK, "no robot waits"
    health.allocated(no_leases(0), set())
    assert health.checks(0.0, UNAVAILABLE)[0].level is Level.WARN
    assert health.checks(0.0, AVAILABLE)[0].level is Level.OK


@given(asks=st.lists(st.lists(st.floats(0.0, 3.0), min_size=3, max_size=3), min_size=1, max_size=12))
def test_the_longest_wait_is_that_of_the_robot_that_asked_first_and_was_never_helped(asks):
    one, health, since = allocator(3, 1), AllocatorHealth(), {}
    for tick, uncertainties in enumerate(asks):
        table = step(one, tick, np.array(uncertainties), np.zeros(3, bool))
        health.allocated(table, set())
        since = {robot: since.get(robot, tick) for robot in table.waiting}
    _, waiting, *_ = health.checks(0.0, AVAILABLE)
    assert waiting.values["longest wait (ticks)"] == max((tick - first for first in since.values()), default=0)
    assert waiting.values["robots"] == len(since)
    assert waiting.level is Level.OK


def test_a_robot_in_violation_that_waits_long_is_a_warning_until_it_is_helped():
    health = AllocatorHealth()
    for tick in range(LONG_TICKS + 1):
        assert health.checks(0.0, AVAILABLE)[1].level is Level.OK
        health.allocated(no_leases(tick), {"robot_03"})
    waiting = health.checks(0.0, AVAILABLE)[1]
    assert waiting.level is Level.WARN
    assert waiting.message.endswith(": robot_03"), "robot_02 waits as long, and needs no reset"
    health.allocated(no_leases(LONG_TICKS + 1), set())
    assert health.checks(0.0, AVAILABLE)[1].level is Level.OK


def test_a_lease_that_was_not_answered_is_a_warning_for_a_minute():
    health = AllocatorHealth()
    health.unanswered("human_02", 10.0)
    health.unanswered("human_02", 11.0)
    answers = health.checks(12.0, AVAILABLE)[2]
    assert (answers.level, answers.values) == (Level.WARN, {"human_02 (leases)": 2})
    assert health.checks(12.0 + WINDOW_S, AVAILABLE)[2].level is Level.OK


def test_signals_that_were_late_are_a_warning_for_a_minute():
    health = AllocatorHealth()
    assert health.checks(0.0, AVAILABLE)[3].level is Level.OK
    for now_s in (10.0, 11.0):
        health.late({"risk"}, now_s)
    signals = health.checks(12.0, AVAILABLE)[3]
    assert (signals.level, signals.values) == (Level.WARN, {"risk (ticks)": 2})
    assert health.checks(12.0 + WINDOW_S, AVAILABLE)[3].level is Level.OK
