"""Every order is a sort of tuples; ThriftyDAgger's scores are z-scores over the whole history."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_allocator.allocation_rule import make_rule
from fleet_allocator.z_score import RunningZScore
from fleet_contract.fleet import AllocationConfig
from fleet_contract.signal import RISK, UNCERTAINTY, VIOLATION
from fleet_contract.validation import InputError

ORDERS = ["".join(letters) for length in (1, 2, 3) for letters in permutations("CUR", length)]


def rank(order, uncertain, violated, risks=None, *, threshold=1.0, seed=0, **config):
    config = AllocationConfig(order=order, **({"threshold": threshold, "risk_threshold": 0.5} | config))
    signals = signals_of(uncertain, violated, risks)
    thresholds = {signal: config.threshold(signal) for signal in config.order}
    return make_rule(config, supervisors=1).rank(signals, thresholds, np.random.default_rng(seed))


def signals_of(uncertain, violated, risks=None):
    signals = {UNCERTAINTY: np.array(uncertain), VIOLATION: np.array(violated, dtype=float)}
    return signals if risks is None else signals | {RISK: np.array(risks)}


@given(
    order=st.sampled_from(ORDERS),
    robots=st.lists(
        st.tuples(st.sampled_from([-1.0, 0.0, 1.0, 1.5, 2.0]), st.booleans(), st.sampled_from([0.0, 0.4, 0.5, 0.9])),
        min_size=1,
        max_size=6,
    ),
    threshold=st.sampled_from([0.0, 1.0, 1.5]),
    risk_threshold=st.sampled_from([0.0, 0.4, 0.5]),
    seed=st.integers(0, 99),
)
def test_an_order_is_a_sort_of_tuples(order, robots, threshold, risk_threshold, seed):
    tuples = []
    for uncertain, violated, risk in robots:
        letters = {
            "C": int(violated),
            "U": uncertain if uncertain > threshold else 0,
            "R": risk if risk > risk_threshold else 0,
        }
        tuples.append(tuple(letters[letter] for letter in order))
    ranking = rank(order, *zip(*robots, strict=True), threshold=threshold, seed=seed, risk_threshold=risk_threshold)
    assert ranking.candidates == ranking.asking
    assert set(ranking.asking) == {robot for robot, key in enumerate(tuples) if any(key)}
    urgency = [tuples[robot] for robot in ranking.asking]
    assert urgency == sorted(urgency, reverse=True)


def test_risk_counts_above_its_threshold_only():
    risks = [0.5, 0.51, 0.49, 1.0]
    assert rank("R", [9.0] * 4, [True] * 4, risks).asking == [3, 1]
    assert rank("RC", [9.0] * 4, [True, False, False, False], risks, risk_threshold=0.9).asking == [3, 0]


def test_a_threshold_below_zero_lets_estimates_below_zero_ask_but_not_those_below_it():
    assert rank("UC", [-0.2, -0.1, 0.0, -0.5], [False, False, False, True], threshold=-0.3).asking == [2, 1, 0, 3]


def test_nan_is_ignored():
    assert rank("UC", [math.nan, 2.0], [False, False]).asking == [1]
    assert rank("R", [0.0, 0.0], [False, False], [math.nan, 0.9]).asking == [1]
    assert rank("UC", [math.nan, 0.2, 2.0], [False, False, False], idle_humans=False).candidates == [2, 1, 0]


def test_ties_are_broken_by_the_generator_only():
    orders = [rank("UC", [2.0] * 50, [False] * 50, seed=seed).asking for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[2]) == list(range(50))


def test_a_rule_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"^allocation.rule: expected one of .*priority, random, td.*, got 'best'\.$"):
        make_rule(AllocationConfig(rule="best"), 1)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"order": []}, r"allocation.order: expected at least one signal, got none"),
        ({"rule": "td"}, r"allocation.order: expected risk, uncertainty and violation with rule td, got \["),
        ({"rule": "td", "order": "TD", "options": {"risk_weight": 1.1}}, r"allocation.options: risk_weight: expected"),
        ({"rule": "random", "order": []}, r"allocation.options.budget_per_tick: expected a number, got None"),
        (
            {"rule": "random", "order": [], "idle_humans": False, "options": {"budget_per_tick": 1.0}},
            r"allocation.options.budget_per_tick: expected null unless idle_humans is true, got 1.0",
        ),
        ({"options": {"speed": 1}}, r"allocation.options: unknown key speed"),
    ],
)
def test_orders_and_options_that_a_rule_cannot_use_are_refused(config, sentence):
    with pytest.raises(InputError, match=sentence):
        make_rule(AllocationConfig(**config), 1)


@pytest.mark.parametrize("idle", [{"budget_per_tick": 1.0}, {"idle_humans": False}])
def test_the_random_rule_is_uniform_and_no_robot_asks(idle):
    rule, generator, uncertain = (
        make_rule(AllocationConfig(order="random", **idle), supervisors=2),
        np.random.default_rng(0),
        np.arange(4.0),
    )
    first = np.zeros(4)
    for _ in range(4000):
        ranking = rule.rank(signals_of(uncertain, [True, False, False, False]), {}, generator)
        assert ranking.asking == []
        assert sorted(ranking.candidates) == [0, 1, 2, 3]
        first[ranking.candidates[0]] += 1
    # 1000 each, and five standard deviations of a binomial of 4000 times 1/4 are 137.
    assert np.abs(first - 1000).max() < 137


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_td_compares_the_weighted_z_scores_over_the_whole_history(weight):
    rule, random = make_rule(AllocationConfig(order="TD", risk_weight=weight), 1), np.random.default_rng(1)
    risks, uncertainties = [], []
    for tick in range(200):
        risks.append(random.beta(1, 5, 10) * (1 + tick / 200))
        uncertainties.append(random.exponential(2.0, 10) - tick / 100)
        violated = random.random(10) < 0.2
        ranking = rule.rank(signals_of(uncertainties[-1], violated, risks[-1]), {VIOLATION: 0.0}, random)
        scores = weight * (risks[-1] - np.mean(risks)) / np.std(risks)
        scores += (1 - weight) * (uncertainties[-1] - np.mean(uncertainties)) / np.std(uncertainties)
        unsure = [robot for robot in np.argsort(-scores).tolist() if scores[robot] > 0.15]
        others = set(np.flatnonzero(violated).tolist()) - set(unsure)
        assert ranking.asking[: len(unsure)] == unsure
        assert set(ranking.asking[len(unsure) :]) == others


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), min_size=1, max_size=20))
def test_running_z_scores_are_those_of_the_whole_history(stream):
    z_score, history = RunningZScore(), []
    for values in stream:
        history += values
        scores = z_score.add(np.array(values))
        if np.std(history) > 1e-6 * (1 + abs(np.mean(history))):
            np.testing.assert_allclose(
                scores, (np.array(values) - np.mean(history)) / np.std(history), rtol=1e-6, atol=1e-6
            )


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_z_scores_are_zero_while_all_values_are_equal(value):
    z_score = RunningZScore()
    for _ in range(50):
        np.testing.assert_allclose(z_score.add(np.full(7, value)), 0.0, atol=1e-12)


def test_values_that_are_not_finite_do_not_change_the_z_scores():
    one, other = RunningZScore(), RunningZScore()
    one.add(np.array([math.nan]))
    spoiled = one.add(np.array([1.0, math.nan, 3.0, math.inf]))
    np.testing.assert_array_equal(spoiled[[0, 2]], other.add(np.array([1.0, 3.0])))
    assert not np.isfinite(spoiled[[1, 3]]).any()
