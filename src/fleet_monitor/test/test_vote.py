"""The vote agrees with lists of each robot's frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_monitor.vote import AT_ONCE, TWO_OF_THREE, Trigger, VoteConfig

ROBOTS = 3
FRAME = st.fixed_dictionaries(
    {
        "failure": st.booleans(),
        "novelty": st.booleans(),
        "began": st.booleans(),
        "observed": st.booleans(),
    }
)
VOTES = st.integers(1, 64).flatmap(lambda window: st.builds(VoteConfig, st.integers(1, window), st.just(window)))


@given(st.lists(st.lists(FRAME, min_size=ROBOTS, max_size=ROBOTS), max_size=90), VOTES, VOTES)
def test_calls_are_those_of_a_list_of_frames_per_robot(ticks, failure, novelty):
    votes = {"failure": failure, "novelty": novelty}
    trigger = Trigger(ROBOTS, votes)
    seen = [[] for _ in range(ROBOTS)]
    for frames in ticks:
        robots = [robot for robot in range(ROBOTS) if frames[robot]["observed"]]
        for robot in robots:
            seen[robot] = [*([] if frames[robot]["began"] else seen[robot]), frames[robot]]

        def of(key, robots=robots, frames=frames):
            return np.array([frames[robot][key] for robot in robots], dtype=bool)

        calls = trigger.update(np.array(robots, dtype=np.int64), {name: of(name) for name in votes}, of("began"))
        for name, vote in votes.items():
            expected = [sum(frame[name] for frame in seen[robot][-vote.window :]) >= vote.needed for robot in robots]
            assert calls[name].tolist() == expected


def calls(trigger, failures, began=()):
    one = np.array([0])
    return [
        bool(trigger.update(one, {"failure": np.array([alarm])}, np.array([frame in began]))["failure"][0])
        for frame, alarm in enumerate(failures)
    ]


def test_two_of_three_frames_call():
    trigger = Trigger(1, {"failure": TWO_OF_THREE})
    assert calls(trigger, [True, False, False, True, False, True, False]) == [False] * 5 + [True, False]


def test_a_new_episode_forgets_the_frames_of_the_last():
    assert calls(Trigger(1, {"failure": TWO_OF_THREE}), [True, True, False], began={1}) == [False, False, False]


def test_a_signal_without_values_does_not_call():
    trigger = Trigger(2, {"failure": AT_ONCE, "novelty": AT_ONCE})
    found = trigger.update(np.array([0, 1]), {"failure": np.array([False, True])}, np.zeros(2, bool))
    assert {name: values.tolist() for name, values in found.items()} == {
        "failure": [False, True],
        "novelty": [False, False],
    }


@pytest.mark.parametrize(("needed", "window"), [(0, 3), (4, 3), (1, 65)])
def test_votes_that_make_no_sense_are_refused(needed, window):
    with pytest.raises(ValueError, match=f"got {needed} of {window}"):
        VoteConfig(needed, window)
