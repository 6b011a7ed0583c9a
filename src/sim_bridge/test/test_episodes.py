"""Robots are driven until their episodes are over, and hold from then on."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from sim_bridge.episodes import act_by_state, drive_until_over
from sim_bridge.maze.environment import HORIZON, Maze

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/pointbot.yaml", RobotContract)


class Recorded(Maze):
    """A maze that records the kinds of actions."""

    kinds: list[list[int]]

    def step(self, kinds_N, actions_NA):
        self.kinds.append(kinds_N.tolist())
        return super().step(kinds_N, actions_NA)


@pytest.fixture
def maze():
    maze = Recorded(CONTRACT, 2, wind=0.0)
    maze.kinds = []
    return maze


def ahead(state_S):
    """Runs straight into the obstacle."""
    return np.array([1.0, 0.0])


def stays(state_S):
    """Makes no progress, so that the episode is truncated."""
    return np.zeros(2)


def test_a_robot_holds_after_its_violation_and_the_other_is_driven_until_its_time_limit(maze):
    transitions = list(drive_until_over(maze, maze.reset(0), act_by_state([ahead, stays], 2)))
    violated = next(index for index, of in enumerate(transitions) if of.after.violated_N[0])
    assert len(transitions) == HORIZON
    assert transitions[-1].after.truncated_N.tolist() == [False, True]
    for index, (transition, kinds) in enumerate(zip(transitions, maze.kinds, strict=True)):
        assert transition.driven_N.tolist() == [index <= violated, True]
        assert kinds == [ActionKind.MOVE if index <= violated else ActionKind.HOLD, ActionKind.MOVE]
    for earlier, later in pairwise(transitions):
        assert earlier.after is later.before


@pytest.mark.parametrize("ticks", [3, HORIZON + 5])
def test_a_number_of_ticks_is_kept_to_whatever_becomes_of_the_robots(maze, ticks):
    transitions = list(drive_until_over(maze, maze.reset(0), act_by_state([stays], 2), ticks=ticks))
    assert len(transitions) == ticks
    assert transitions[-1].driven_N.all() == (ticks <= HORIZON)


def test_only_driven_robots_are_acted_for_each_by_its_own_policy(maze):
    act = act_by_state([ahead, stays], 2)
    step = maze.reset(0)
    np.testing.assert_array_equal(act(step, np.array([True, True])), [[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(act(step, np.array([False, True])), np.zeros((2, 2)))
    np.testing.assert_array_equal(act_by_state([ahead], 2)(step, np.array([True, True])), [[1.0, 0.0], [1.0, 0.0]])
