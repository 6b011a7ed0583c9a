"""What humans showed in runs: training data from bags, by the code that joins it live."""

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
    """The pairs of all ticks and robots that humans drove in these runs: by run, tick and robot.

    Raises:
        BadInput: there is no recorded run, or it is one of other robots.
    """
    pairs = empty_dataset(contract.observed_shape(stream), contract.action_dim)
    for run in runs:
        recording = read_recording(run)
        contract.require_same(recording.metadata.contract.digest, owner=str(recording.bag))
        pairs += _shown(recording, stream)
    return pairs


def _shown(recording: Recording, stream: Stream) -> Dataset:
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
