"""Attempts have the frames before a violation at which a robot moved, and end as their last frame and what follows say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_learning.attempt import Attempt

STEPS = st.lists(st.tuples(st.sampled_from(ActionKind), *[st.booleans()] * 5), max_size=8)


@given(STEPS, st.booleans())
def test_attempts_agree_with_a_rule_in_arrays(steps, followed):
    attempt = Attempt()
    for number, (kind, human, violated, succeeded, broken, dismissed) in enumerate(steps):
        attempt.add(
            number,
            kind,
            human=human,
            violated=violated,
            succeeded=succeeded,
            broken=broken,
            dismissed=dismissed,
        )
    violated_T = np.array([step[2] for step in steps], bool)
    moved_T = np.array([step[0] is ActionKind.MOVE for step in steps], bool)
    rows = np.flatnonzero(moved_T & ~np.logical_or.accumulate(violated_T))
    events = attempt.events(followed=followed)
    assert attempt.frames == rows.tolist()
    assert events.human_T.tolist() == [steps[row][1] for row in rows]
    assert not events.violated_T.any()
    # An alarm is dismissed after the last frame so far.
    ends = [*rows, len(steps)][1:]
    assert events.dismissed_T.tolist() == [
        any(step[5] for step in steps[row:end]) for row, end in zip(rows, ends, strict=True)
    ]
    last = steps[rows[-1]] if len(rows) else (None, False, False, False, False)
    expected = "truncated"
    if last[4] or followed:
        expected = "failure"
    if last[3]:
        expected = "success"
    assert events.end == expected
