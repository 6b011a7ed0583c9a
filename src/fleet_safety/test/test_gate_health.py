"""Checks of the gate: the emergency stop, and why robots hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_action_gate import CONTRACT, DRIVING, HUMAN, POLICY, RESETTING, TICK, proposals

from fleet_common.health import Level
from fleet_common.recent_window import WINDOW_S
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_safety.gate import ActionGate
from fleet_safety.gate_health import LATE, REFUSED, GateHealth, _reason

OTHER_REASONS = {"emergency stop", "unreachable", "waits for a hard reset"}


def held(reason: str, tick: int = 0) -> RobotAction:
    return RobotAction(tick, ActionKind.HOLD, ActionSource.NOBODY, reason=reason)


def after(*actions: RobotAction, later_s: float = 0.0):
    health = GateHealth()
    for action in actions:
        health.released(action, 0.0)
    stop, holding = health.checks(later_s, stopped=False)
    assert (stop.name, stop.level) == ("emergency stop", Level.OK)
    return holding


def test_a_latched_stop_is_an_error():
    stop, _ = GateHealth().checks(0.0, stopped=True)
    assert stop.level is Level.ERROR


@pytest.mark.parametrize(("late", "level"), [(1, Level.OK), (2, Level.WARN)])
def test_late_actions_are_a_warning_above_a_tenth(late, level):
    holding = after(*[held("action of tick 3")] * late, *[replace(POLICY, tick=1)] * (10 - late))
    assert holding.level is level
    assert holding.values["late (robot ticks)"] == holding.values["held (robot ticks)"] == late
    assert holding.values["robot ticks"] == 10


def test_one_refused_action_is_a_warning_for_a_minute():
    actions = [held("action is out of range"), *[replace(POLICY, tick=1)] * 1000]
    assert after(*actions).level is Level.WARN
    assert after(*actions, later_s=WINDOW_S + 1).level is Level.OK


def test_waiting_and_unreachable_robots_are_not_late():
    reasons = [
        "unreachable: no /robot_01/odometry for 1 s",
        "unreachable: is back",
        "emergency stop",
        "waits for a hard reset",
    ]
    holding = after(*map(held, reasons))
    assert holding.level is Level.OK
    assert holding.values["unreachable (robot ticks)"] == 2


@given(
    stopped=st.booleans(),
    lease=st.sampled_from([None, DRIVING, RESETTING]),
    violated=st.booleans(),
    policy=proposals(),
    human=proposals(),
    unreachable=st.sampled_from(["", "no odometry for 1 s: why?"]),
)
def test_every_reason_of_the_gate_is_classified(stopped, lease, violated, policy, human, unreachable):
    gate = ActionGate(CONTRACT)
    if stopped:
        gate.stop()
    action = gate.release(TICK, lease=lease, violated=violated, policy=policy, human=human, unreachable=unreachable)
    if action.source is ActionSource.NOBODY:
        assert _reason(action) in LATE | REFUSED | OTHER_REASONS


def test_actions_of_humans_and_policy_are_not_counted_as_held():
    holding = after(POLICY, HUMAN, replace(HUMAN, kind=ActionKind.HOLD, values=()))
    assert holding.values["held (robot ticks)"] == 0
