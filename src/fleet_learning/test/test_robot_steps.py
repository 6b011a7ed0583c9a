"""In any order of arrival, the steps of a round are those that a plain loop over ticks finds, each once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.lease_table import Dismissal, LeaseTable
from fleet_contract.robot_states import RobotStates
from fleet_learning.robot_steps import BYTES_BESIDE, RobotSteps

TICKS, ROBOTS = 4, 2
NAMES = {"robot_01": 0, "robot_02": 1}
PLACES = [(tick, robot) for tick in range(TICKS) for robot in range(ROBOTS)]


def observation(tick, robot):
    return np.array([tick, robot])


def action(tick, kind, source):
    return RobotAction(tick, kind, source, (tick / 8,) if kind is ActionKind.MOVE else ())


def states(tick, rows):
    """The states of all robots; each row has the episode, whether violated, succeeded and unreachable."""
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return RobotStates(
        tick=tick,
        stamp=None,
        robots=tuple(NAMES),
        states_NS=np.zeros((ROBOTS, 2)),
        episodes_N=columns[0],
        violated_N=columns[1],
        succeeded_N=columns[2],
        rewards_N=np.zeros(ROBOTS),
        successes_N=np.zeros(ROBOTS, int),
        hard_resets_N=np.zeros(ROBOTS, int),
        unreachable=tuple("no link" if gone else "" for gone in columns[3]),
        resting=False,
    )


@st.composite
def runs(draw):
    """What every robot did at every tick, its states, and all messages in any order."""
    status = st.tuples(st.integers(0, 1), st.booleans(), st.booleans(), st.booleans())
    rows = {tick: [draw(status) for _ in range(ROBOTS)] for tick in range(TICKS + 1)}
    actions = {
        place: (ActionKind.HOLD, ActionSource.NOBODY)
        if rows[place[0]][place[1]][3]
        else (draw(st.sampled_from(ActionKind)), draw(st.sampled_from((ActionSource.POLICY, ActionSource.HUMAN))))
        for place in PLACES
    }
    dismissed = draw(st.sets(st.sampled_from(PLACES)))
    messages = [("states", tick) for tick in rows] + [("leases", tick) for tick in rows]
    messages += [("action", place) for place in PLACES]
    messages += [("observation", place) for place in PLACES if not rows[place[0]][place[1]][3]]
    return rows, actions, draw(st.permutations(messages)), dismissed


def receive(steps, run, message):
    rows, actions, _, dismissed = run
    kind, at = message
    if kind == "states":
        steps.add_states(states(at, rows[at]), NAMES)
    elif kind == "leases":
        before = [Dismissal(name, "novelty") for name, robot in NAMES.items() if (at - 1, robot) in dismissed]
        steps.add_leases(LeaseTable(at, dismissals=tuple(before)), NAMES)
    elif kind == "action":
        steps.add_action(at[1], action(at[0], *actions[at]))
    else:
        steps.add_observation(*at, observation(*at))


def expected(run, first, end):
    rows, actions, _, dismissed = run
    found = []
    for robot in range(ROBOTS):
        for tick in range(first, end):
            episode, violated, _, unreachable = rows[tick][robot]
            next_episode, violated_next, succeeded, _ = rows[tick + 1][robot]
            kind, source = actions[tick, robot]
            if not unreachable:
                moved = kind is ActionKind.MOVE
                # Only the observations of moves are kept, and so are their sources.
                did = kind if moved else ActionKind.HOLD, moved and source is ActionSource.HUMAN
                led_to = violated, succeeded, violated_next and not violated, next_episode != episode
                seen, carried_out = ([tick, robot], action(tick, kind, source).values) if moved else (None, ())
                found.append((robot, tick, episode, *did, seen, *led_to, (tick, robot) in dismissed, carried_out))
    return found


def as_tuple(step):
    seen = None if step.observation is None else step.observation.tolist()
    led_to = step.violated, step.succeeded, step.broken, step.over, step.dismissed, step.action
    return step.robot, step.tick, step.episode, step.kind, step.human, seen, *led_to


@given(runs(), st.integers(0, TICKS))
def test_rounds_hold_every_step_once_by_robot_and_tick(run, middle):
    steps = RobotSteps(ROBOTS)
    for message in run[2]:
        receive(steps, run, message)
    assert steps.has_all_of(TICKS - 1)
    rounds = [steps.take_between(0, middle), steps.take_between(middle, TICKS)]
    assert [list(map(as_tuple, own)) for own in rounds] == [expected(run, 0, middle), expected(run, middle, TICKS)]
    assert steps.take_between(0, TICKS) == []


@given(runs(), st.integers(0, TICKS))
def test_steps_before_a_round_are_forgotten(run, first):
    steps = RobotSteps(ROBOTS)
    for message in run[2]:
        receive(steps, run, message)
    assert list(map(as_tuple, steps.take_between(first, TICKS))) == expected(run, first, TICKS)


@given(runs())
def test_a_tick_is_complete_when_its_outcome_has_arrived_too(run):
    steps, received = RobotSteps(ROBOTS), set()
    for message in run[2]:
        receive(steps, run, message)
        received.add(message)
        for tick in range(TICKS):
            if steps.has_all_of(tick):
                assert ("states", tick + 1) in received
                assert any(("leases", later) in received for later in range(tick, TICKS + 1))
                assert {("action", (tick, robot)) for robot in range(ROBOTS)} <= received


def test_what_is_declared_lost_is_not_waited_for():
    steps = RobotSteps(1)
    assert not steps.has_all_of(0)
    steps.give_up_before(1)
    assert steps.has_all_of(0)
    assert not steps.has_all_of(1)


def test_only_the_newest_moves_of_a_long_round_are_kept(monkeypatch):
    monkeypatch.setattr("fleet_learning.robot_steps.MOST_BYTES", 3 * (observation(0, 0).nbytes + BYTES_BESIDE))
    steps = RobotSteps(1)
    for tick in range(6):
        single = states(tick, [(0, False, False, False)] * 2)
        steps.add_states(replace(single, robots=("robot_01",), unreachable=("",)), NAMES)
        steps.add_observation(tick, 0, observation(tick, 0))
        steps.add_action(0, action(tick, ActionKind.MOVE, ActionSource.POLICY))
    found = steps.take_between(0, 6)
    assert [step.tick for step in found if step.kind is ActionKind.MOVE] == [3, 4, 5]
    assert [step.tick for step in found if step.observation is not None] == [3, 4, 5]


@pytest.mark.parametrize("lost", ["action", "observation"])
def test_a_move_of_which_a_part_is_lost_counts_as_holding(lost):
    steps = RobotSteps(1)
    for tick in range(2):
        steps.add_states(states(tick, [(0, False, False, False)] * 2), NAMES)
    if lost == "action":
        steps.add_observation(0, 0, observation(0, 0))
    else:
        steps.add_action(0, action(0, ActionKind.MOVE, ActionSource.HUMAN))
    step = steps.take_between(0, 1)[0]
    assert (step.kind, step.human, step.observation) == (ActionKind.HOLD, False, None)
