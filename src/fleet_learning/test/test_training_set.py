"""A training set grows round by round as the fleet's weighting says, and resumes with the labels of its pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_robot_steps import NAMES, ROBOTS, TICKS, action, observation, receive, runs, states

from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.validation import InputError
from fleet_learning.attempts import Attempts
from fleet_learning.dataset import new_dataset, read_dataset
from fleet_learning.labels import LEAD, Label, step_labels
from fleet_learning.robot_steps import RobotSteps
from fleet_learning.training_set import TrainingSet
from fleet_learning.weighting import DEMONSTRATION

DEMONSTRATED = new_dataset(np.full((3, 2), -1.0), np.full((3, 1), -1.0))
POLICY, HUMAN = ActionSource.POLICY, ActionSource.HUMAN


def content(pairs):
    return pairs.observations_B.tolist(), pairs.actions_BA.tolist()


@given(runs(), st.integers(0, TICKS))
def test_sirius_learns_from_the_attempts_that_ended_with_labels(run, middle):
    found, steps = TrainingSet(DEMONSTRATED, ROBOTS, "sirius"), RobotSteps(ROBOTS)
    for message in run[2]:
        receive(found.join, run, message)
        receive(steps, run, message)
    attempts, expected = Attempts(), []
    for first, end in ((0, middle), (middle, TICKS)):
        found.add_round(first, end)
        for attempt in attempts.ended(steps.take_between(first, end)):
            labels = step_labels(attempt.events, LEAD)
            expected += [
                (step.observation.tolist(), list(step.action), label)
                for step, label in zip(attempt.steps, labels.tolist(), strict=True)
            ]
    pairs = found.pairs
    assert content(pairs[np.arange(3)]) == content(DEMONSTRATED)
    assert pairs.labels_B[:3].tolist() == [DEMONSTRATION] * 3
    rows = zip(*content(pairs), pairs.labels_B.tolist(), strict=True)
    assert list(rows)[3:] == expected
    assert found.human_pairs == sum(label == Label.INTERVENTION for *_, label in expected)


@given(runs(), st.integers(0, TICKS))
def test_uniform_learns_from_all_moves_of_humans_and_from_nothing_else(run, middle):
    found = TrainingSet(DEMONSTRATED, ROBOTS, "uniform")
    for message in run[2]:
        if message[0] != "leases":
            receive(found.join, run, message)
    found.add_round(0, middle)
    found.add_round(middle, TICKS)
    _, actions, _, _ = run
    shown = [[tick, robot] for (tick, robot), own in sorted(actions.items()) if own == (ActionKind.MOVE, HUMAN)]
    assert found.pairs.observations_B.tolist()[3:] == shown
    assert found.pairs.labels_B is None
    assert found.human_pairs == len(shown)


def one_attempt(sources, *, succeeded):
    """The training set of a round in which the first robot is moved by these, and the second one holds."""
    found = TrainingSet(DEMONSTRATED, ROBOTS, "sirius")
    for tick in range(len(sources) + 1):
        over = tick == len(sources)
        found.join.add_states(
            states(tick, [(int(over), False, over and succeeded, False), (0, False, False, False)]), NAMES
        )
    for tick, source in enumerate(sources):
        for robot in range(ROBOTS):
            found.join.add_observation(tick, robot, observation(tick, robot))
        found.join.add_action(0, action(tick, ActionKind.MOVE, source))
        found.join.add_action(1, action(tick, ActionKind.HOLD, ActionSource.NOBODY))
    found.add_round(0, len(sources))
    return found.pairs.labels_B[3:].tolist()


def test_steps_before_an_intervention_and_a_failure_are_pre_interventions():
    calm, helped = [POLICY] * (LEAD + 2), [HUMAN] * 3
    labels = [Label.NORMAL] * 2 + [Label.PRE_INTERVENTION] * LEAD
    assert one_attempt(calm, succeeded=True) == [Label.NORMAL] * (LEAD + 2)
    assert one_attempt(calm, succeeded=False) == labels
    assert one_attempt(calm + helped, succeeded=True) == labels + [Label.INTERVENTION] * 3


def test_a_training_set_resumes_with_its_labels(tmp_path):
    path = tmp_path / "version_002_dataset.npz"
    stored = DEMONSTRATED.labelled(DEMONSTRATION) + DEMONSTRATED.labelled(Label.INTERVENTION)
    stored.save(path)
    resumed = TrainingSet(DEMONSTRATED, ROBOTS, "sirius")
    resumed.resume(read_dataset(path, (2,), 1), str(path))
    assert resumed.pairs.digest == stored.digest
    assert resumed.human_pairs == 3
    sentence = r"^dataset\.npz: expected a training set with no labels, as training\.weighting says, got labels\.$"
    with pytest.raises(InputError, match=sentence):
        TrainingSet(DEMONSTRATED, ROBOTS, "uniform").resume(stored, "dataset.npz")
    with pytest.raises(InputError, match=r"expected a training set with labels, .+, got no labels"):
        TrainingSet(DEMONSTRATED, ROBOTS, "sirius").resume(DEMONSTRATED, "dataset.npz")


@pytest.mark.parametrize("weighting", ["uniform", "sirius"])
def test_demonstrations_are_the_pairs_of_a_file_that_humans_showed(weighting):
    labels = (DEMONSTRATION, Label.NORMAL, Label.INTERVENTION, Label.PRE_INTERVENTION)
    parts = [new_dataset(np.full((1, 2), label), np.zeros((1, 1))).labelled(label) for label in labels]
    found = TrainingSet(sum(parts[1:], parts[0]), ROBOTS, weighting).pairs
    assert found.observations_B[:, 0].tolist() == [DEMONSTRATION, Label.INTERVENTION]
    assert weighting == "uniform" or (found.labels_B == DEMONSTRATION).all()
