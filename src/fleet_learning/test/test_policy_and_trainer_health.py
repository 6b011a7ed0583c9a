"""What operators are told of the policy and of its training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_common.health import Level
from fleet_learning.policy_health import STUCK_S, PolicyHealth
from fleet_learning.trainer_health import TrainerHealth

UNSURE_N = np.array([0.1, 0.4, 0.2])


def of(health, now_s=0.0, version=1, due=1, missing=()):
    """The checks by name."""
    return {check.name: check for check in health.checks(now_s, version=version, due=due, missing=missing)}


def policy(*, real_time=True):
    return PolicyHealth(0.5, real_time=real_time, unit="nats")


@given(took_s=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=50), real_time=st.booleans())
def test_decisions_that_take_longer_than_a_tick_are_a_warning_in_real_time(took_s, real_time):
    health = policy(real_time=real_time)
    for seconds in took_s:
        health.decided(seconds, UNSURE_N, 0.0)
    decisions = of(health)["decisions"]
    late = sum(seconds > 0.5 for seconds in took_s)
    assert (decisions.level is Level.WARN) == (real_time and 10 * late > len(took_s))
    assert decisions.values["last (s)"] == took_s[-1]
    assert decisions.values["mean (s)"] == pytest.approx(sum(took_s) / len(took_s))
    assert min(took_s) - 1e-9 <= decisions.values["99th percentile (s)"] <= max(took_s) + 1e-9


def test_who_waits_says_for_whom_and_warns_when_it_takes_long():
    health = policy()
    assert "waits" not in of(health)["input"].message
    health.began(10.0)
    health.began(12.0)
    check = of(health, 10.0 + STUCK_S, missing=("robot_02",))["input"]
    assert (check.message, check.level) == ("waits for robot_02", Level.OK)
    check = of(health, 11.0 + STUCK_S, missing=("robot_02",))["input"]
    assert (check.level, check.values) == (Level.WARN, {"waits (s)": STUCK_S + 1})
    health.decided(0.1, UNSURE_N, 20.0)
    assert of(health, 100.0, missing=("robot_02",))["input"].level is Level.OK


def test_a_training_takes_as_long_as_it_takes():
    health = policy(real_time=False)
    health.began(0.0)
    check = of(health, 1000.0, version=1, due=2)["input"]
    assert (check.message, check.level) == ("waits for version 2", Level.OK)


def test_a_version_that_cannot_be_served_is_an_error_until_one_is():
    health = policy()
    health.refused(2, "v2: is cut off")
    check = of(health)["version"]
    assert (check.level, check.message) == (Level.ERROR, "version 2 is not served: v2: is cut off")
    health.served()
    assert of(health, version=3)["version"].level is Level.OK


@pytest.mark.parametrize(("unsure_N", "level"), [(UNSURE_N, Level.OK), (np.array([np.nan, 0.1, np.inf]), Level.WARN)])
def test_the_spread_of_the_uncertainty_and_what_is_none(unsure_N, level):
    health = policy()
    health.decided(0.1, unsure_N, 0.0)
    check = of(health)["uncertainty"]
    finite = unsure_N[np.isfinite(unsure_N)]
    assert check.level is level
    assert (check.values["least (nats)"], check.values["greatest (nats)"]) == (min(finite), max(finite))


def test_a_training_tells_how_far_it_is():
    health = TrainerHealth(steps=150)

    def told(version):
        return health.check(version=version, pairs=20, shown=5, update_ticks=(50, 100))

    assert told(1).message == "idle until tick 50"
    health.began()
    health.stepped(40, {"InfoNCE": 1.5})
    assert told(1).message == "version 2: step 40 of 150"
    assert told(1).values == {
        "version": 1,
        "pairs": 20,
        "pairs that humans showed": 5,
        "step": 40,
        "steps": 150,
        "InfoNCE (1)": 1.5,
    }
    health.ended()
    assert told(3).message == "idle: no more are due"
    health.failed("out of memory")
    assert (told(2).level, told(2).message) == (Level.ERROR, "version 3 failed: out of memory")
