"""Episodes of recorded runs, from which monitors learn and by which they are judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fleet_bags.samples import Samples
from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_learning.attempt import Attempt
from fleet_monitor.episode import Episode
from fleet_monitor.world_model import monitored_stream


def recorded_episodes(sets: Sequence[Samples], contract: RobotContract) -> list[Episode]:
    """Return the episodes of datasets that `fleet dataset build` wrote.

    How their attempts become episodes is said at `Attempt`. Episodes hold images, or states if the robots have no camera; images are
    read when they are used.

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
        columns = samples.columns
        begins = np.flatnonzero(np.diff(columns["attempts"], prepend=-1))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(samples)], strict=True):
            attempt = Attempt[int]()
            for row in range(begin, end):
                attempt.add(
                    row,
                    ActionKind(columns["kinds"][row]),
                    human=bool(columns["shown"][row]),
                    violated=bool(columns["violated"][row]),
                    succeeded=bool(columns["succeeded"][row]),
                    broken=bool(columns["broken"][row]),
                    dismissed=bool(columns["dismissed"][row]),
                )
            if attempt.frames:
                run, robot = samples.metadata.runs[columns["runs"][begin]], int(columns["robots"][begin])
                events = attempt.events(followed=_continues(samples, end))
                episodes.append(Episode(run.task_of(robot), observations_B[attempt.frames], events))
    if not episodes:
        raise InputError("datasets: expected at least one episode, got none.")
    return episodes


def _continues(samples: Samples, end: int) -> bool:
    """Return whether the samples before row `end` and from it on are those of the same robot."""
    return end < len(samples) and all(
        samples.columns[name][end] == samples.columns[name][end - 1] for name in ("runs", "robots")
    )
