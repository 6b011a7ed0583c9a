"""Health checks of the policy and of its training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_common.health import Level
from fleet_learning.policy_health import STUCK_S, PolicyHealth
from fleet_learning.trainer_health import TrainerHealth

UNCERTAINTIES_N = np.array([0.1, 0.4, 0.2])


def by_name(health, now_s=0.0, version=1, due=1, missing=()):
    """The checks by name."""
    return {check.name: check for check in health.checks(now_s, version=version, due=due, missing=missing)}


def policy(*, real_time=True):
    return PolicyHealth(0.5, real_time=real_time, unit="nats")


@given(took_s=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=50), real_time=st.booleans())
def test_decisions_that_take_longer_than_a_tick_are_a_warning_in_real_time(took_s, real_time):
    health = policy(real_time=real_time)
    for seconds in took_s:
        health.decided(seconds, UNCERTAINTIES_N, 0.0)
    decisions = by_name(health)["decisions"]
    late = sum(seconds > 0.5 for seconds in took_s)
    assert (decisions.level is Level.WARN) == (real_time and 10 * late > len(took_s))
    assert decisions.values["last (s)"] == took_s[-1]
    assert decisions.values["mean (s)"] == pytest.approx(sum(took_s) / len(took_s))
    assert min(took_s) - 1e-9 <= decisions.values["99th percentile (s)"] <= max(took_s) + 1e-9


def test_the_input_check_names_the_missing_robots_and_warns_after_a_while():
    health = policy()
    assert "waiting for" not in by_name(health)["input"].message
    health.input_received(10.0)
    health.input_received(12.0)
    check = by_name(health, 10.0 + STUCK_S, missing=("robot_02",))["input"]
    assert (check.message, check.level) == ("waiting for robot_02", Level.OK)
    check = by_name(health, 11.0 + STUCK_S, missing=("robot_02",))["input"]
    assert (check.level, check.values) == (Level.WARN, {"waiting (s)": STUCK_S + 1})
    health.decided(0.1, UNCERTAINTIES_N, 20.0)
    assert by_name(health, 100.0, missing=("robot_02",))["input"].level is Level.OK


def test_waiting_for_a_training_is_no_warning():
    health = policy(real_time=False)
    health.input_received(0.0)
    check = by_name(health, 1000.0, version=1, due=2)["input"]
    assert (check.message, check.level) == ("waiting for version 2", Level.OK)


def test_a_refused_version_is_an_error_until_another_one_is_served():
    health = policy()
    health.refused(2, "v2: is truncated")
    check = by_name(health)["version"]
    assert (check.level, check.message) == (Level.ERROR, "version 2 is not served: v2: is truncated")
    health.served()
    assert by_name(health, version=3)["version"].level is Level.OK


@pytest.mark.parametrize(
    ("uncertainties_N", "level"), [(UNCERTAINTIES_N, Level.OK), (np.array([np.nan, 0.1, np.inf]), Level.WARN)]
)
def test_the_uncertainty_check_shows_its_range_and_warns_of_values_that_are_not_finite(uncertainties_N, level):
    health = policy()
    health.decided(0.1, uncertainties_N, 0.0)
    check = by_name(health)["uncertainty"]
    finite = uncertainties_N[np.isfinite(uncertainties_N)]
    assert check.level is level
    assert (check.values["least (nats)"], check.values["greatest (nats)"]) == (min(finite), max(finite))


def test_the_training_check_shows_the_progress():
    now_s = 100.0
    health = TrainerHealth(steps=150, clock=lambda: now_s)

    def check(version):
        return health.check(version, {"pairs": 20, "human pairs": 5}, (50, 100))

    assert check(1).message == "idle until tick 50"
    health.started()
    assert check(1).message == "version 2: step 0 of 150"
    now_s += 8
    health.stepped(40, {"InfoNCE": 1.5})
    assert check(1).message == "version 2: step 40 of 150, 22 s left"
    assert check(1).values == {
        "version": 1,
        "pairs": 20,
        "human pairs": 5,
        "step": 40,
        "steps": 150,
        "InfoNCE (1)": 1.5,
    }
    health.ended()
    assert check(3).message == "idle: no more trainings are due"
    health.failed("out of memory")
    assert (check(2).level, check(2).message) == (Level.ERROR, "version 3 failed: out of memory")
