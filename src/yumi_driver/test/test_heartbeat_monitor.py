"""Tests the timeouts of the fleet's heartbeats with a simulated clock."""

import pytest

from yumi_driver import send_times
from yumi_driver.agent import heartbeat_monitor
from yumi_driver.agent.heartbeat_monitor import HeartbeatMonitor
from yumi_driver.limits import read_limits

LIMITS = read_limits()
SILENCE_S, LATE_S = LIMITS.silence_s.value, LIMITS.late_s.value


class Clock:
    now_s = 100.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (heartbeat_monitor, send_times):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def monitor(clock):
    monitor = HeartbeatMonitor(LIMITS)
    monitor.receive(1, monitor.next_state())
    return monitor


@pytest.mark.parametrize(("silent_s", "fault"), [(SILENCE_S - 0.001, ""), (SILENCE_S + 0.001, "the fleet is silent")])
def test_arms_hold_when_the_fleet_is_silent(clock, monitor, silent_s, fault):
    clock.now_s += silent_s
    assert monitor.fault == fault


@pytest.mark.parametrize(("late_s", "fault"), [(-0.001, ""), (0.001, "the fleet answers too late")])
def test_arms_hold_when_heartbeats_answer_old_states(clock, monitor, late_s, fault):
    clock.now_s += LATE_S + SILENCE_S + late_s
    monitor.receive(2, 1)
    assert monitor.fault == fault


@pytest.mark.parametrize(("age_s", "accepted"), [(LATE_S - 0.001, True), (LATE_S + 0.001, False)])
def test_commands_that_answer_old_states_are_rejected(clock, monitor, age_s, accepted):
    clock.now_s += age_s
    assert (monitor.rejection(1) == "") == accepted
    assert monitor.rejection(99), "an unknown state is too old"
