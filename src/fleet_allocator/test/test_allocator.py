"""Allocations as operators see them: who is assigned, stays, waits, and is called away."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stepping import step

from fleet_allocator.allocator import Allocator
from fleet_contract.fleet import AllocationConfig, numbered
from fleet_contract.lease import LeaseKind
from fleet_contract.lease_table import Dismissal, LeaseTable
from fleet_contract.signal import RISK, UNCERTAINTY, VIOLATION

T_T, T_R = 3, 5
THRESHOLDS = {UNCERTAINTY: 1.0, VIOLATION: 0.0}


def allocator(robots: int, supervisors: int, seed: int = 0, **config) -> Allocator:
    rules = AllocationConfig(**({"threshold": 1.0, "intervention_ticks": T_T, "hard_reset_ticks": T_R} | config))
    return Allocator(rules, numbered("robot", robots), numbered("human", supervisors), seed)


def pairs(table: LeaseTable) -> dict[str, str]:
    return {lease.supervisor: lease.robot for lease in table.leases}


def flags(robots: int, *on: int) -> np.ndarray:
    return np.isin(np.arange(robots), on)


NONE = flags(4)


def test_uncertain_robots_come_first_then_those_in_violation():
    uncertain = np.array([0.0, 9.0, 2.0, 0.5])
    table = step(allocator(4, 3), 0, uncertain, flags(4, 0))
    assert set(pairs(table).values()) == {"robot_01", "robot_02", "robot_03"}
    table = step(allocator(4, 2), 0, uncertain, flags(4, 0))
    assert set(pairs(table).values()) == {"robot_02", "robot_03"}
    assert table.waiting == ("robot_01",)


def test_humans_stay_idle_when_no_robot_asks():
    assert step(allocator(4, 2), 0, np.full(4, 0.99), NONE) == LeaseTable(0, thresholds=THRESHOLDS)


def test_a_human_moves_to_a_more_urgent_robot_after_the_minimum_length():
    busy, calm = np.array([2.0, 0.0]), np.array([0.0, 5.0])
    one = allocator(2, 1)
    lease = step(one, 0, busy, flags(2)).leases[0]
    for tick in range(1, T_T):
        table = step(one, tick, calm, flags(2))
        assert table.leases == (lease,)
        assert table.offers == ()
        assert table.waiting == ("robot_02",)
    assert step(one, T_T, calm, flags(2)).leases[0].robot == "robot_02"


def test_a_human_stays_with_a_robot_that_still_asks():
    one = allocator(3, 2)
    first = step(one, 0, np.array([2.0, 3.0, 0.0]), flags(3))
    for tick in range(1, 20):
        assert step(one, tick, np.array([2.5, 2.0, 0.0]), flags(3)).leases == first.leases


def test_a_violation_during_teleoperation_is_reset_by_the_same_human_with_a_new_token():
    one = allocator(2, 1)
    driving = step(one, 0, np.array([2.0, 0.0]), flags(2)).leases[0]
    resetting = step(one, 1, np.array([2.0, 9.0]), flags(2, 0)).leases[0]
    assert (resetting.robot, resetting.kind) == ("robot_01", LeaseKind.HARD_RESET)
    assert resetting.token > driving.token
    assert step(one, 2, np.array([2.0, 9.0]), flags(2, 0)).leases == (resetting,)
    assert step(one, 3, np.array([0.0, 9.0]), flags(2)).leases[0].robot == "robot_02"


def test_leases_have_their_minimum_lengths():
    one = allocator(2, 1)
    assert one.least_ticks(LeaseKind.TELEOPERATE) == T_T
    assert one.least_ticks(LeaseKind.HARD_RESET) == T_R


def test_refused_and_returned_robots_wait_again():
    one = allocator(2, 1)
    table = step(one, 0, np.array([2.0, 0.0]), flags(2))
    assert one.refuse(table, table.leases[0].token) == LeaseTable(0, waiting=("robot_01",), thresholds=THRESHOLDS)
    again = step(one, 1, np.array([2.0, 0.0]), flags(2)).leases[0]
    one.hand_back(again.token)
    assert step(one, 2, np.zeros(2), flags(2)).leases == ()


def test_refused_robots_wait_in_the_order_of_their_urgency():
    one = allocator(4, 3)
    table = step(one, 0, np.array([2.0, 5.0, 4.0, 3.0]), NONE)
    for token in [lease.token for lease in table.leases]:
        table = one.refuse(table, token)
    assert table.waiting == ("robot_02", "robot_03", "robot_04", "robot_01")


def test_a_refused_robot_that_did_not_ask_does_not_wait():
    one = allocator(2, 1, idle_humans=False)
    table = step(one, 0, np.array([0.2, 0.1]), flags(2))
    assert one.refuse(table, table.leases[0].token) == LeaseTable(0, thresholds=THRESHOLDS)


def test_a_token_of_an_older_table_refuses_nothing():
    one = allocator(2, 1)
    table = step(one, 0, np.array([2.0, 0.0]), flags(2))
    assert one.refuse(table, 12345) == table
    assert step(one, 1, np.array([2.0, 0.0]), flags(2)).leases == table.leases


def test_free_humans_are_chosen_at_random():
    one, sent = allocator(5, 4), dict.fromkeys(numbered("human", 4), 0)
    for tick in range(2000):
        lease = step(one, tick, np.array([2.0, 0.0, 0.0, 0.0, 0.0]), flags(5)).leases[0]
        one.hand_back(lease.token)
        sent[lease.supervisor] += 1
    # 500 each, and five standard deviations of a binomial of 2000 times 1/4 are 97.
    assert all(abs(times - 500) < 97 for times in sent.values())


def test_unavailable_humans_get_no_robot_and_lose_theirs():
    one = allocator(3, 2)
    assert list(pairs(step(one, 0, np.full(3, 2.0), flags(3), np.array([False, True])))) == ["human_02"]
    assert list(pairs(step(one, 1, np.full(3, 2.0), flags(3), np.array([True, False])))) == ["human_01"]


def test_humans_that_may_not_be_idle_go_to_the_most_uncertain_other_robots():
    uncertain = np.array([0.3, math.nan, 0.9, 0.1, 2.0, 0.5])
    one = allocator(6, 4, idle_humans=False)
    table = step(one, 0, uncertain, flags(6, 3))
    assert set(pairs(table).values()) == {"robot_05", "robot_04", "robot_03", "robot_06"}
    assert {lease.robot for lease in table.leases if lease.kind is LeaseKind.HARD_RESET} == {"robot_04"}
    assert table.waiting == ()
    assert len(step(allocator(6, 5, idle_humans=False), 0, np.zeros(6), flags(6)).leases) == 5


def test_busy_humans_stay_while_their_robots_are_among_the_most_uncertain():
    one = allocator(4, 2, idle_humans=False, threshold=0.0)
    first = step(one, 0, np.array([0.4, 0.3, 0.2, 0.1]), NONE)
    for tick in range(1, 10):
        assert step(one, tick, np.array([0.3, 0.4, 0.2, 0.1]), NONE).leases == first.leases
    assert set(pairs(step(one, 10, np.array([0.1, 0.4, 0.2, 0.3]), NONE)).values()) == {"robot_02", "robot_04"}


def test_risk_is_a_priority():
    one = allocator(4, 1, order="CRU", risk_threshold=0.5)
    table = step(one, 0, np.full(4, 2.0), NONE, risks=np.array([0.5, 0.6, 0.2, 0.0]))
    assert pairs(table) == {"human_01": "robot_02"}
    with pytest.raises(ValueError, match="signals: expected risk, got uncertainty, violation"):
        step(one, 1, np.full(4, 2.0), NONE)


def test_an_online_threshold_is_the_percentile_of_the_last_ticks_without_robots_in_violation():
    one = allocator(5, 2, threshold="online", online_ticks=4, online_percentile=75)
    random, seen = np.random.default_rng(0), []
    for tick in range(30):
        uncertain, violated = random.exponential(size=5), random.random(5) < 0.2
        seen.append(uncertain[~violated])
        table = step(one, tick, uncertain, violated)
        if tick < 3:
            assert table.threshold(UNCERTAINTY) == math.inf
            assert all(lease.kind is LeaseKind.HARD_RESET for lease in table.leases)
        else:
            assert table.threshold(UNCERTAINTY) == np.percentile(np.concatenate(seen[-4:]), 75)
            unsure = {f"robot_{robot + 1:02d}" for robot in np.flatnonzero(uncertain > table.threshold(UNCERTAINTY))}
            assert unsure <= {lease.robot for lease in table.leases} | set(table.waiting)


@pytest.mark.parametrize("config", [{}, {"order": "random", "budget_per_tick": 3.0}, {"threshold": "online"}])
def test_tables_depend_on_inputs_and_seed_only(config):
    config |= {"online_ticks": 3} if config else {}
    runs = []
    for seed in (7, 7, 8):
        one, random = allocator(20, 6, seed, **config), np.random.default_rng(0)
        runs.append(
            [
                step(one, tick, random.exponential(size=20), random.random(20) < 0.1, random.random(6) < 0.9)
                for tick in range(30)
            ]
        )
    assert runs[0] == runs[1] != runs[2]


def test_calibrated_thresholds_are_those_of_the_providers():
    one = allocator(2, 1, threshold="calibrated")
    signals = {UNCERTAINTY: np.array([0.4, 0.6]), VIOLATION: np.zeros(2)}
    with pytest.raises(
        ValueError, match=r"thresholds.uncertainty: expected a number, 'online' or a calibrated provider"
    ):
        one.step(0, signals)
    table = one.step(1, signals, calibrated={UNCERTAINTY: 0.5})
    assert table.thresholds == {UNCERTAINTY: 0.5, VIOLATION: 0.0}
    assert pairs(table) == {"human_01": "robot_02"}


def test_a_lease_says_which_signal_called_the_human_with_value_and_threshold():
    one = allocator(4, 3, order="RUC", risk_threshold=0.5)
    uncertain, risks = np.array([3.0, 2.0, 0.0, 9.0]), np.array([0.2, 0.7, 0.1, 0.1])
    table = step(one, 0, uncertain, flags(4, 2, 3), None, risks)
    called = {lease.robot: (lease.signal, lease.value, lease.threshold) for lease in table.leases}
    assert called == {
        "robot_01": (UNCERTAINTY, 3.0, 1.0),
        "robot_02": (RISK, 0.7, 0.5),
        "robot_04": (UNCERTAINTY, 9.0, 1.0),
    }
    calm = step(one, 1, np.zeros(4), flags(4, 2, 3), None, np.zeros(4))
    assert {(lease.robot, lease.signal) for lease in calm.leases} >= {("robot_04", UNCERTAINTY)}
    later = step(one, T_T, np.zeros(4), flags(4, 2, 3), None, np.zeros(4))
    assert {lease.robot: lease.signal for lease in later.leases} == {"robot_03": VIOLATION, "robot_04": UNCERTAINTY}


def test_a_robot_that_gets_a_human_without_asking_was_called_by_no_signal():
    table = step(allocator(2, 1, idle_humans=False), 0, np.array([0.2, 0.1]), flags(2))
    assert [(lease.robot, lease.signal) for lease in table.leases] == [("robot_01", "")]


def asked(one: Allocator, tick: int, uncertainty: float, risk: float = 0.0, *, violated: bool = False) -> str:
    """Return the signal that calls the human of a fleet of one robot; empty if none does."""
    table = step(one, tick, np.array([uncertainty]), np.array([violated]), None, np.array([risk]))
    return "".join(lease.signal for lease in table.leases)


def dismissing(**config) -> Allocator:
    """Return the allocator of a fleet of one robot, whose uncertainty a human has dismissed after tick 0."""
    one = allocator(1, 1, order="URC", risk_threshold=0.5, **config)
    table = step(one, 0, np.array([2.0]), flags(1), None, np.zeros(1))
    one.dismiss(table.leases[0].token)
    return one


@pytest.mark.parametrize("over", [1.0, 0.2, math.nan])
def test_a_dismissed_alarm_counts_again_when_it_is_over(over):
    one = dismissing()
    assert [asked(one, tick, value) for tick, value in enumerate([2.0, 9.0, over, 2.0], 1)] == ["", "", "", UNCERTAINTY]


def test_other_signals_count_in_spite_of_a_dismissal():
    one = dismissing(intervention_ticks=1)
    assert asked(one, 1, 2.0, risk=0.9) == RISK
    assert asked(one, 2, 2.0) == ""
    table = step(one, 3, np.array([2.0]), flags(1, 0), None, np.zeros(1))
    assert [(lease.kind, lease.signal) for lease in table.leases] == [(LeaseKind.HARD_RESET, VIOLATION)]
    assert asked(one, 4, 2.0) == "", "the alarm is not over"


def test_a_dismissal_is_listed_in_the_next_table_only():
    one = dismissing()
    tables = [step(one, tick, np.array([2.0]), flags(1), None, np.zeros(1)) for tick in (1, 2)]
    assert [table.dismissals for table in tables] == [(Dismissal("robot_01", UNCERTAINTY),), ()]
    assert all(table.waiting == () for table in tables)


def test_hard_resets_and_leases_that_have_ended_are_not_dismissed():
    one = allocator(2, 2)
    table = step(one, 0, np.array([2.0, 0.0]), flags(2, 1))
    reset = next(lease for lease in table.leases if lease.kind is LeaseKind.HARD_RESET)
    one.dismiss(reset.token)
    one.dismiss(12345)
    again = step(one, 1, np.array([2.0, 0.0]), flags(2, 1))
    assert (again.leases, again.dismissals) == (table.leases, ())


@given(
    order=st.permutations(["a", "b", VIOLATION]),
    values=st.lists(
        st.tuples(st.sampled_from([math.nan, -1.0, 0.0, 0.5, 2.0]), st.floats(-3, 3)), min_size=3, max_size=8
    ),
)
def test_signals_of_any_name_are_ranked_alike(order, values):
    """What a signal is called is of no consequence: it is compared as uncertainty and risk are."""
    robots = len(values)
    config = {"intervention_ticks": 1, "hard_reset_ticks": 1, "thresholds": {"a": 0.0, "b": 0.25}}
    names = numbered("robot", robots), numbered("human", 2)
    one = Allocator(AllocationConfig(order=order, **config), *names, 0)
    renamed = {"a": UNCERTAINTY, "b": RISK, VIOLATION: VIOLATION}
    known = config | {"thresholds": {UNCERTAINTY: 0.0, RISK: 0.25}}
    other = Allocator(AllocationConfig(order=[renamed[name] for name in order], **known), *names, 0)
    a, b = map(np.array, zip(*values, strict=True))
    violated = np.arange(robots) % 3 == 1
    found = one.step(0, {"a": a, "b": b, VIOLATION: violated.astype(float)})
    expected = step(other, 0, a, violated, None, b)
    assert [(lease.robot, lease.supervisor, lease.value) for lease in found.leases] == [
        (lease.robot, lease.supervisor, lease.value) for lease in expected.leases
    ]
    assert [renamed[lease.signal] for lease in found.leases] == [lease.signal for lease in expected.leases]
    assert found.waiting == expected.waiting


@pytest.mark.parametrize(
    ("uncertainties", "violated", "available", "sentence"),
    [
        (3, 4, 2, r"signals.uncertainty: expected shape \(4,\), got \(3,\)"),
        (4, 5, 2, r"signals.violation: expected shape \(4,\), got \(5,\)"),
        (4, 4, 4, r"available_M: expected shape \(2,\), got \(4,\)"),
    ],
)
def test_arrays_of_another_length_are_refused(uncertainties, violated, available, sentence):
    with pytest.raises(ValueError, match=sentence):
        step(allocator(4, 2), 0, np.zeros(uncertainties), np.zeros(violated, bool), np.ones(available, bool))
