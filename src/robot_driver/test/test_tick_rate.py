"""The rate of the ticks and its health check."""

from __future__ import annotations

import pytest

from fleet_common.health import Level
from robot_driver.tick_rate import START_S, TickRate


@pytest.mark.parametrize(("period_s", "ticks"), [(0.01, 2), (0.1, 1000), (7.0, 100)])
def test_the_rate_is_one_over_the_period(period_s, ticks):
    tick_rate = TickRate(2.0, real_time=False, now_s=0.0)
    assert tick_rate.rate_hz(0.0) is None
    for tick in range(ticks):
        tick_rate.add_tick(tick * period_s)
    assert tick_rate.rate_hz((ticks - 1) * period_s) == pytest.approx(1 / period_s)


@pytest.mark.parametrize(
    ("real_time", "period_s", "level"), [(True, 0.52, Level.OK), (True, 0.6, Level.WARN), (False, 60.0, Level.OK)]
)
def test_slow_ticks_in_real_time_are_a_warning(real_time, period_s, level):
    tick_rate = TickRate(2.0, real_time=real_time, now_s=0.0)
    for tick in range(3):
        tick_rate.add_tick(tick * period_s)
    assert tick_rate.check(2 * period_s).level is level
    assert tick_rate.check(2 * period_s, resting=True).level is Level.OK


def test_a_fleet_that_does_not_start_reports_what_it_waits_for():
    tick_rate = TickRate(2.0, real_time=False, now_s=100.0)
    check = tick_rate.check(100.0 + START_S, waits_for="gate, policy")
    assert (check.level, check.message) == (Level.OK, "the first tick waits for gate, policy")
    assert tick_rate.check(101.0 + START_S, waits_for="gate").level is Level.WARN
