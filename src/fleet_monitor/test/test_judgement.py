"""Judgements agree with counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_monitor.judgement import EARLY_FRAMES, judge

EPISODE = st.tuples(
    st.lists(st.one_of(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0]), st.just(np.nan)), min_size=1, max_size=15),
    st.booleans(),
)


def share(truths):
    return np.mean(truths) if len(truths) else np.nan


@given(st.lists(EPISODE, min_size=1, max_size=8))
def test_measures_are_those_of_counting(episodes):
    alarms = [[frame for frame, score in enumerate(scores) if score > 1] for scores, _ in episodes]
    leads = [len(scores) - own[0] if own else 0 for (scores, _), own in zip(episodes, alarms, strict=True)]
    failed = [failed for _, failed in episodes]
    found = judge([np.array(scores) for scores, _ in episodes], failed)
    own_leads = [lead for lead, fails in zip(leads, failed, strict=True) if fails]
    false = [lead > 0 for lead, fails in zip(leads, failed, strict=True) if not fails]
    shares = [lead / len(scores) for lead, (scores, fails) in zip(leads, episodes, strict=True) if fails]
    assert (found.failures, found.successes) == (len(own_leads), len(false))
    expected = {
        "recall": share([lead > 0 for lead in own_leads]),
        "early_recall": share([lead >= EARLY_FRAMES for lead in own_leads]),
        "false_alarms": share(false),
        "time_weighted_accuracy": (share(shares) + 1 - share(false)) / 2,
        "lead_frames": np.median(raised) if (raised := [lead for lead in own_leads if lead]) else np.nan,
    }
    for measure, value in expected.items():
        assert getattr(found, measure) == pytest.approx(value, nan_ok=True), measure


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=10))
def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(episodes):
    worse = [score for score, failed in episodes if failed]
    better = [score for score, failed in episodes if not failed]
    pairs = [(a > b) + (a == b) / 2 for a in worse for b in better]
    found = judge([np.array([float(score)]) for score, _ in episodes], [failed for _, failed in episodes])
    assert found.area_under_curve == pytest.approx(share(pairs), nan_ok=True)
