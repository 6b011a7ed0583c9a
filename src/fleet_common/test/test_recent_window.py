"""What was in the last minute, and nothing that was before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_common.recent_window import WINDOW_S, RecentWindow


@given(steps_s=st.lists(st.integers(0, 40), max_size=30), later_s=st.integers(0, 100))
def test_exactly_what_came_in_the_last_minute_is_there(steps_s, later_s):
    recent, now_s, came = RecentWindow[int](), 0, []
    for number, step_s in enumerate(steps_s):
        now_s += step_s
        recent.add(number, now_s)
        came.append((now_s, number))
    now_s += later_s
    assert recent.values(now_s) == [number for at_s, number in came if at_s >= now_s - WINDOW_S]
