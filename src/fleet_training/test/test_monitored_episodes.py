"""Episodes of datasets end where robots succeed, fail or the recording ends, and tell who drove."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleet_bags.samples import COLUMNS, FORMAT, Samples, SamplesMetadata, SourceRun
from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_training.monitored_episodes import recorded_episodes

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACT = read_yaml(ROBOTS / "tabletop.yaml", RobotContract)
MOVE, RESET = int(ActionKind.MOVE), int(ActionKind.HARD_RESET)


def dataset(rows, tasks=("push_block", "open_drawer"), *, contract=CONTRACT, has_images=True):
    """A dataset with a row (robot, attempt, kind, shown, violated, succeeded, broken) per sample."""
    columns = {name: np.zeros(len(rows), dtype) for name, (dtype, _) in COLUMNS.items()}
    for column, values in zip(
        ("robots", "attempts", "kinds", "shown", "violated", "succeeded", "broken"),
        zip(*rows, strict=True),
        strict=True,
    ):
        columns[column] = np.array(values)
    images = np.zeros((len(rows), 64, 64, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(rows))
    source = SourceRun(
        bag="bag", task="tabletop", robots=("robot_01", "robot_02"), supervisors=("human_01",), tasks=tasks
    )
    columns["states"] = np.tile(np.arange(len(rows), dtype=float)[:, None], contract.state_dim)
    about = SamplesMetadata(
        format=FORMAT, contract=contract, runs=(source,), samples=len(rows), left_out=0, has_images=has_images
    )
    return Samples(about, columns | {"images": images})


def move(robot, attempt, *, human=False, succeeded=False, broken=False):
    return robot, attempt, MOVE, human, False, succeeded, broken


def test_ends_human_frames_and_tasks_are_those_of_the_recording():
    rows = [
        move(0, 0),
        move(0, 0, human=True),
        move(0, 0, succeeded=True),
        move(0, 1),
        move(0, 1, broken=True),
        (0, 1, RESET, True, True, False, False),
        move(0, 2),
        move(0, 2),
        move(0, 3),
        move(1, 4),
        move(1, 5, broken=True),
    ]
    episodes = recorded_episodes([dataset(rows)], CONTRACT)
    assert [episode.events.end for episode in episodes] == [
        "success",
        "failure",  # A violation began; the frames of the hard reset are left out.
        "failure",  # Another episode follows: the time limit.
        "truncated",  # The next rows are those of another robot.
        "failure",
        "failure",
    ]
    assert [episode.observations_F[:, 0, 0, 0].tolist() for episode in episodes] == [
        [0, 1, 2],
        [3, 4],
        [6, 7],
        [8],
        [9],
        [10],
    ]
    assert [episode.events.human_T.tolist() for episode in episodes[:2]] == [[False, True, False], [False, False]]
    assert [episode.task for episode in episodes] == ["push_block"] * 4 + ["open_drawer"] * 2


def test_dismissed_alarms_are_those_of_the_recording():
    samples = dataset([move(0, 0), (0, 0, int(ActionKind.HOLD), False, False, False, False), move(0, 0)])
    samples.columns["dismissed"][1] = True
    assert recorded_episodes([samples], CONTRACT)[0].events.dismissed_T.tolist() == [True, False]


def test_robots_of_a_fleet_with_one_task_have_that_task():
    assert recorded_episodes([dataset([move(1, 0)], tasks=())], CONTRACT)[0].task == "tabletop"


def test_robots_without_a_camera_have_episodes_of_states():
    blind = read_yaml(ROBOTS / "ant.yaml", RobotContract)
    rows = [move(0, 0), move(0, 0, succeeded=True), move(0, 1)]
    episodes = recorded_episodes([dataset(rows, (), contract=blind, has_images=False)], blind)
    assert [episode.observations_F[:, 0].tolist() for episode in episodes] == [[0, 1], [2]]


def test_a_dataset_without_images_is_refused():
    with pytest.raises(InputError, match=r"^images: expected a training set of robots that have a camera"):
        recorded_episodes([dataset([move(0, 0)], has_images=False)], CONTRACT)


def test_a_dataset_of_other_robots_is_refused():
    with pytest.raises(InputError, match="dataset: contract: expected"):
        recorded_episodes([dataset([move(0, 0)])], read_yaml(ROBOTS / "push_cell.yaml", RobotContract))


def test_a_dataset_without_a_moving_robot_is_refused():
    with pytest.raises(InputError, match=r"^datasets: expected at least one episode, got none\.$"):
        recorded_episodes([dataset([(0, 0, RESET, True, True, False, False)])], CONTRACT)
