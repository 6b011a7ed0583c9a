"""The vote agrees with counting alarms in lists of each robot's frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_monitor.vote import TWO_OF_THREE, RecentScores, Vote

ROBOTS = 3
FRAME = st.fixed_dictionaries(
    {
        "score": st.one_of(st.integers(0, 9).map(float), st.just(np.nan)),
        "began": st.booleans(),
        "observed": st.booleans(),
    }
)
VOTES = st.integers(1, 64).flatmap(lambda window: st.builds(Vote, st.integers(1, window), st.just(window)))
THRESHOLDS = st.integers(-1, 9).map(lambda whole: whole + 0.5)


@given(st.lists(st.lists(FRAME, min_size=ROBOTS, max_size=ROBOTS), max_size=90), VOTES, THRESHOLDS)
def test_a_vote_is_above_a_threshold_if_enough_of_the_last_scores_are(ticks, vote, threshold):
    recent = RecentScores(ROBOTS, vote)
    seen = [[] for _ in range(ROBOTS)]
    for frames in ticks:
        robots = [robot for robot in range(ROBOTS) if frames[robot]["observed"]]
        for robot in robots:
            seen[robot] = [*([] if frames[robot]["began"] else seen[robot]), frames[robot]["score"]]
        voted = recent.update(
            np.array(robots, dtype=np.int64),
            np.array([frames[robot]["score"] for robot in robots], dtype=float),
            np.array([frames[robot]["began"] for robot in robots], dtype=bool),
        )
        expected = [sum(score > threshold for score in seen[robot][-vote.window :]) >= vote.needed for robot in robots]
        assert (voted > threshold).tolist() == expected


@given(st.lists(st.one_of(st.floats(-5, 5), st.just(np.nan)), min_size=1, max_size=40), VOTES)
def test_the_vote_over_an_episode_is_that_frame_by_frame(scores, vote):
    recent = RecentScores(1, vote)
    one = np.array([0])
    expected = [recent.update(one, np.array([score]), np.array([frame == 0]))[0] for frame, score in enumerate(scores)]
    np.testing.assert_array_equal(vote.over_episode(np.array(scores)), expected)


def test_two_of_three_frames_are_an_alarm():
    scores = np.array([5, 0, 0, 5, 0, 5, 0, 0.0])
    assert (TWO_OF_THREE.over_episode(scores) > 1).tolist() == [False] * 5 + [True, False, False]


@pytest.mark.parametrize(("needed", "window"), [(0, 3), (4, 3), (1, 65)])
def test_votes_that_make_no_sense_are_refused(needed, window):
    with pytest.raises(ValueError, match=f"got {needed} of {window}"):
        Vote(needed, window)
