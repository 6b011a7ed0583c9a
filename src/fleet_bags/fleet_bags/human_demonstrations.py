"""Reads human demonstrations from recorded runs, with the code that joins observations and actions live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fleet_bags.recording import Recording, read_recording
from fleet_contract.robot import RobotContract, Stream
from fleet_learning.dataset import Dataset, empty_dataset
from fleet_learning.human_pairs import HumanPairs


def human_demonstrations(runs: Iterable[Path], contract: RobotContract, stream: Stream) -> Dataset:
    """Return observation and action at all ticks at which humans drove a robot, by run, tick and robot.

    Raises:
        InputError: a path holds no recorded run, or one of other robots.
    """
    pairs = empty_dataset(contract.observed_shape(stream), contract.action_dim)
    for run in runs:
        recording = read_recording(run)
        contract.require_same(recording.metadata.contract.digest, owner=str(recording.bag))
        pairs += _demonstrations(recording, stream)
    return pairs


def _demonstrations(recording: Recording, stream: Stream) -> Dataset:
    contract = recording.metadata.contract
    pairs = HumanPairs(len(recording.metadata.robots), contract.observed_shape(stream), contract.action_dim)
    for robot, released in enumerate(recording.released_N):
        for action in released.values():
            pairs.add_action(robot, action)
    for tick, robot, observation in recording.images() if stream == "camera" else _states(recording):
        pairs.add_observation(tick, robot, observation)
    return pairs.between(0, recording.ticks)


def _states(recording: Recording) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
    for robot, observed in enumerate(recording.observed_N):
        for tick, row in observed.items():
            yield tick, robot, row.state_S
