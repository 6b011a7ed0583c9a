"""Attempts are the same wherever the rounds are divided."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind
from fleet_learning.attempt import Attempt
from fleet_learning.attempts import Attempts
from fleet_learning.robot_steps import RobotStep

TICKS, ROBOTS = 12, 2


@st.composite
def runs(draw):
    """The steps of all robots, sorted by robot and tick; the number of the episode changes where one is over."""
    steps = []
    for robot in range(ROBOTS):
        episode = 0
        for tick in range(TICKS):
            kind = draw(st.sampled_from([ActionKind.MOVE, ActionKind.MOVE, ActionKind.HOLD]))
            seen = np.array([tick, robot]) if kind is ActionKind.MOVE else None
            violated, succeeded, broken, over, unreachable = (draw(st.integers(0, 5)) == 0 for _ in range(5))
            human, dismissed = draw(st.booleans()), draw(st.booleans())
            if not unreachable:
                steps.append(
                    RobotStep(
                        robot, tick, episode, kind, human, seen, violated, succeeded, broken, over, dismissed, (tick,)
                    )
                )
            episode += over
    return steps


def content(attempts):
    return sorted(
        (
            one.robot,
            one.observations_F.tolist(),
            [step.action for step in one.steps],
            one.events.end,
            one.events.human_T.tolist(),
            one.events.dismissed_T.tolist(),
        )
        for one in attempts
    )


def by_definition(steps):
    """The ended attempts of all steps at once: each is the steps of one episode, up to and with a new violation."""
    found = []
    for robot, own in groupby(steps, lambda step: step.robot):
        parts = [[]]
        for step in own:
            if parts[-1] and parts[-1][-1].episode != step.episode:
                parts.append([])
            parts[-1].append(step)
            if step.over or step.broken:
                parts.append([])
        for number, part in enumerate(parts):
            attempt = Attempt()
            for step in part:
                attempt.add(
                    step,
                    step.kind,
                    human=step.human,
                    violated=step.violated,
                    succeeded=step.succeeded,
                    broken=step.broken,
                    dismissed=step.dismissed,
                )
            last = number == len(parts) - 1
            if attempt.frames and not last:
                # A violation is known before what follows it.
                followed = part[-1].over or not part[-1].broken
                events = attempt.events(followed=followed)
                rows = [(step.observation.tolist(), step.action) for step in attempt.frames]
                observed, actions = map(list, zip(*rows, strict=True))
                found.append(
                    (robot, observed, actions, events.end, events.human_T.tolist(), events.dismissed_T.tolist())
                )
    return sorted(found)


@given(runs(), st.sets(st.integers(1, TICKS - 1)))
def test_attempts_do_not_depend_on_how_rounds_are_divided(steps, divisions):
    attempts, found = Attempts(), []
    for first, end in pairwise([0, *sorted(divisions), TICKS]):
        found += attempts.ended([step for step in steps if first <= step.tick < end])
    assert content(found) == by_definition(steps)


@given(runs())
def test_attempts_of_a_round_are_sorted_by_robot_and_time(steps):
    found = [(one.robot, one.steps[0].tick) for one in Attempts().ended(steps)]
    assert found == sorted(found)
