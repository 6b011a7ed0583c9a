"""In any order of arrival, D_H holds the humans' moves, each once, sorted by tick and robot."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_learning.human_pairs import HumanPairs

TICKS, ROBOTS = 3, 2
PLACES = [(tick, robot) for tick in range(TICKS) for robot in range(ROBOTS)]


def state_at(tick, robot):
    return np.array([tick, robot, tick * 0.5 - robot])


def action_at(tick, robot, kind, source):
    values = (0.01 * tick, -0.01 * robot) if kind is ActionKind.MOVE else ()
    return RobotAction(tick, kind, source, values)


@st.composite
def runs(draw):
    """The action of every robot at every tick, and the messages in any order."""
    actions = {place: (draw(st.sampled_from(ActionKind)), draw(st.sampled_from(ActionSource))) for place in PLACES}
    messages = [(place, is_state) for place in PLACES for is_state in (True, False)]
    return actions, draw(st.permutations(messages))


def receive(pairs, actions, place, *, is_state):
    tick, robot = place
    if is_state:
        pairs.add_observation(tick, robot, state_at(tick, robot))
    else:
        pairs.add_action(robot, action_at(tick, robot, *actions[place]))


def expected_rows(actions, first, end):
    driven = [
        place for place in PLACES if first <= place[0] < end and actions[place] == (ActionKind.MOVE, ActionSource.HUMAN)
    ]
    states = [state_at(*place) for place in driven]
    moves = [action_at(*place, *actions[place]).values for place in driven]
    return np.reshape(states, (-1, 3)).astype(np.float32), np.reshape(moves, (-1, 2)).astype(np.float32)


@given(runs(), st.integers(0, TICKS), st.integers(0, TICKS))
def test_any_order_of_arrival_gives_the_humans_moves_by_tick_and_robot(run, first, end):
    actions, messages = run
    pairs = HumanPairs(ROBOTS, (3,), 2)
    for place, is_state in messages:
        receive(pairs, actions, place, is_state=is_state)
    found = pairs.between(first, end)
    states, moves = expected_rows(actions, first, end)
    np.testing.assert_array_equal(found.observations_B, states)
    np.testing.assert_array_equal(found.actions_BA, moves)
    assert found.observations_B.dtype == found.actions_BA.dtype == np.float32


@given(runs(), st.data())
def test_a_tick_is_complete_when_everything_up_to_it_has_arrived_however_often(run, data):
    actions, messages = run
    repeated = data.draw(st.lists(st.sampled_from(messages), max_size=6))
    messages = data.draw(st.permutations([*messages, *repeated]))
    pairs = HumanPairs(ROBOTS, (3,), 2)
    received = set()
    for place, is_state in messages:
        receive(pairs, actions, place, is_state=is_state)
        received.add((place, is_state))
        acted = {place for place, is_state in received if not is_state}
        known = {place for place in acted if actions[place][1] is ActionSource.NOBODY or (place, True) in received}
        for tick in range(TICKS + 1):
            complete = {(tick, robot) for robot in range(ROBOTS)} <= known
            assert pairs.has_all_of(tick) == (complete and {place for place in acted if place[0] <= tick} <= known)
    assert len(pairs.between(0, TICKS)) == len(expected_rows(actions, 0, TICKS)[0])


def test_an_unreachable_robot_is_not_waited_for():
    pairs = HumanPairs(ROBOTS, (3,), 2)
    pairs.add_action(
        1, RobotAction(0, ActionKind.HOLD, ActionSource.NOBODY, reason="unreachable: no /robot_02/odom for 0.3 s")
    )
    assert not pairs.has_all_of(0)
    pairs.add_action(0, action_at(0, 0, ActionKind.MOVE, ActionSource.HUMAN))
    assert not pairs.has_all_of(0)
    pairs.add_observation(0, 0, state_at(0, 0))
    assert pairs.has_all_of(0)
    assert len(pairs.between(0, 1)) == 1


def test_an_earlier_tick_whose_observation_is_late_is_waited_for():
    pairs = HumanPairs(1, (3,), 2)
    pairs.add_action(0, action_at(0, 0, ActionKind.MOVE, ActionSource.HUMAN))
    pairs.add_action(0, RobotAction(1, ActionKind.HOLD, ActionSource.NOBODY))
    assert not pairs.has_all_of(1)
    pairs.add_observation(0, 0, state_at(0, 0))
    assert pairs.has_all_of(1)


@given(runs(), st.lists(st.integers(0, TICKS), min_size=ROBOTS, max_size=ROBOTS))
def test_observations_before_the_first_one_received_are_not_waited_for(run, first_ticks):
    actions, messages = run
    pairs = HumanPairs(ROBOTS, (3,), 2)
    started = set()
    for (tick, robot), is_state in messages:
        if not is_state:
            receive(pairs, actions, (tick, robot), is_state=False)
            continue
        if robot not in started:
            started.add(robot)
            pairs.begin(robot, first_ticks[robot])
        if tick >= first_ticks[robot]:
            receive(pairs, actions, (tick, robot), is_state=True)
    assert pairs.has_all_of(TICKS - 1)
    states, _ = expected_rows(actions, 0, TICKS)
    expected = [row for row in states if row[0] >= first_ticks[int(row[1])]]
    np.testing.assert_array_equal(pairs.between(0, TICKS).observations_B, np.reshape(expected, (-1, 3)))


@given(runs(), st.integers(0, TICKS), st.integers(0, len(PLACES) * 2))
def test_what_is_declared_lost_is_not_waited_for_and_what_arrived_before_it_counts(run, end, arrived):
    actions, messages = run
    pairs = HumanPairs(ROBOTS, (3,), 2)
    for place, is_state in messages[:arrived]:
        receive(pairs, actions, place, is_state=is_state)
    before = len(pairs.between(0, TICKS))
    pairs.give_up_before(end)
    assert all(pairs.has_all_of(tick) for tick in range(end))
    assert len(pairs.between(0, TICKS)) == before
    for place, is_state in messages[arrived:]:
        receive(pairs, actions, place, is_state=is_state)
    assert pairs.has_all_of(TICKS - 1)
