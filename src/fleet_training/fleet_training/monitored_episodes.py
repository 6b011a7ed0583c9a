"""Episodes of recorded runs, from which monitors learn and by which they are judged.

B samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fleet_bags.samples import Samples
from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_monitor.episode import Episode
from fleet_monitor.labels import EpisodeEvents
from fleet_monitor.world_model import monitored_stream


def recorded_episodes(sets: Sequence[Samples], contract: RobotContract) -> list[Episode]:
    """Return the episodes of datasets that `fleet dataset build` wrote.

    An episode ends in failure where a constraint violation begins, or at its time limit. The last episode of a robot in a run is
    truncated, unless it has failed or succeeded. Episodes hold images, or states if the robots have no camera; images are read
    when they are used.

    Args:
        sets: the datasets.
        contract: contract of the robots that are to be monitored.

    Raises:
        InputError: a set has no images of robots that have a camera, or its robots have another contract.
    """
    episodes = []
    stream = monitored_stream(contract)
    for samples in sets:
        contract.require_same(samples.metadata.contract.digest, owner="dataset")
        observations_B = samples.observations(stream)
        attempts_B = samples.columns["attempts"]
        begins = np.flatnonzero(np.diff(attempts_B, prepend=-1))
        for begin, end in zip(begins, [*begins[1:], len(samples)], strict=True):
            rows = _moving_rows(samples, int(begin), int(end))
            if len(rows):
                run = samples.metadata.runs[samples.columns["runs"][begin]]
                events = EpisodeEvents(
                    np.asarray(samples.columns["shown"][rows]),
                    np.zeros(len(rows), dtype=bool),
                    _end(samples, rows, int(end)),
                )
                episodes.append(
                    Episode(run.task_of(int(samples.columns["robots"][begin])), observations_B[rows], events)
                )
    if not episodes:
        raise InputError("datasets: expected at least one episode, got none.")
    return episodes


def _moving_rows(samples: Samples, begin: int, end: int) -> NDArray[np.int64]:
    """Return the rows of an attempt at which the robot moved, before a violation."""
    violated_B, kinds_B = samples.columns["violated"][begin:end], samples.columns["kinds"][begin:end]
    length = int(np.argmax(violated_B)) if violated_B.any() else end - begin
    return begin + np.flatnonzero(kinds_B[:length] == ActionKind.MOVE)


def _end(samples: Samples, rows: NDArray[np.int64], end: int) -> Literal["success", "failure", "truncated"]:
    """Return how an attempt ended whose samples end before row `end`."""
    last = rows[-1]
    if samples.columns["succeeded"][last]:
        return "success"
    same_robot = end < len(samples) and all(
        samples.columns[name][end] == samples.columns[name][last] for name in ("runs", "robots")
    )
    return "failure" if same_robot or samples.columns["broken"][last] else "truncated"
