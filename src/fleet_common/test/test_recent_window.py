"""The window holds the values of the last minute and nothing older."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_common.recent_window import WINDOW_S, RecentWindow


@given(steps_s=st.lists(st.integers(0, 40), max_size=30), later_s=st.integers(0, 100))
def test_the_window_holds_exactly_the_values_of_the_last_minute(steps_s, later_s):
    recent, now_s, added = RecentWindow[int](), 0, []
    for number, step_s in enumerate(steps_s):
        now_s += step_s
        recent.add(number, now_s)
        added.append((now_s, number))
    now_s += later_s
    assert recent.values(now_s) == [number for at_s, number in added if at_s >= now_s - WINDOW_S]
