"""Attempts have the frames before a violation at which a robot moved, and end as their last frame and what follows say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_monitor.attempt import Attempt

STEPS = st.lists(
    st.tuples(st.sampled_from(ActionKind), st.booleans(), st.booleans(), st.booleans(), st.booleans()), max_size=8
)


@given(STEPS, st.booleans())
def test_attempts_agree_with_a_rule_in_arrays(steps, followed):
    attempt = Attempt()
    for number, (kind, human, violated, succeeded, broken) in enumerate(steps):
        attempt.add(number, kind, human=human, violated=violated, succeeded=succeeded, broken=broken)
    violated_T = np.array([step[2] for step in steps], bool)
    moved_T = np.array([step[0] is ActionKind.MOVE for step in steps], bool)
    rows = np.flatnonzero(moved_T & ~np.logical_or.accumulate(violated_T))
    events = attempt.events(followed=followed)
    assert attempt.frames == rows.tolist()
    assert events.human_T.tolist() == [steps[row][1] for row in rows]
    assert not events.violated_T.any()
    last = steps[rows[-1]] if len(rows) else (None, False, False, False, False)
    expected = "truncated"
    if last[4] or followed:
        expected = "failure"
    if last[3]:
        expected = "success"
    assert events.end == expected
