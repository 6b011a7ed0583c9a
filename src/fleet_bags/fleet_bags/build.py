"""Makes a training set from recorded runs.

H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_bags.mapping import BagMapping
from fleet_bags.recording import Recording, read_recording
from fleet_bags.samples import SamplesMetadata, SourceRun
from fleet_bags.samples_writer import OnProgress, RunSamples, write_samples
from fleet_bags.third_party import third_party_samples
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.signal import UNCERTAINTY

RobotTick = tuple[int, int]
"""Robot and tick."""


def build(
    bags: Sequence[Path], folder: Path, *, mapping: BagMapping | None = None, on_progress: OnProgress = lambda *_: None
) -> SamplesMetadata:
    """Write the samples of all runs into a new folder.

    A sample is an observation of a robot, with its image where the robots have a camera: where the image was lost there is
    no sample.

    Args:
        bags: bags of the fleet's own recorder, or third-party bags that `mapping` describes.
        folder: path of the new folder.
        mapping: what the topics of third-party bags mean.
        on_progress: called with the progress of writing the images.

    Raises:
        InputError: a bag cannot be used, the robots of two bags differ, or the folder exists already; nothing is written.
    """
    runs = [third_party_samples(bag, mapping) if mapping else _recorded_samples(read_recording(bag)) for bag in bags]
    return write_samples(runs, folder, on_progress=on_progress)


def _recorded_samples(recording: Recording) -> RunSamples:
    metadata = recording.metadata
    robot_ticks = _robot_ticks(recording, has_images=metadata.contract.observation.camera is not None)
    row_of = {robot_tick: row for row, robot_tick in enumerate(robot_ticks)}

    def images() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for tick, robot, image in recording.images():
            yield row_of[robot, tick], image

    return RunSamples(
        source=SourceRun(
            bag=str(recording.bag),
            task=metadata.fleet.environment.task,
            robots=metadata.robots,
            supervisors=metadata.fleet.supervisor_names,
            tasks=metadata.fleet.tasks if metadata.fleet.robots.tasks else (),
        ),
        contract=metadata.contract,
        rows=_rows(recording, robot_ticks),
        left_out=sum(map(len, recording.observed_N)) - len(robot_ticks),
        images=images,
    )


def _robot_ticks(recording: Recording, *, has_images: bool) -> list[RobotTick]:
    """Return robot and tick of every sample, by robot and tick."""
    observed = [(robot, tick) for robot, rows in enumerate(recording.observed_N) for tick in sorted(rows)]
    if not has_images:
        return observed
    recorded = recording.image_ticks()
    return [robot_tick for robot_tick in observed if robot_tick in recorded]


def _rows(recording: Recording, robot_ticks: Sequence[RobotTick]) -> list[dict[str, Any]]:
    robots, supervisors = recording.metadata.robots, recording.metadata.fleet.supervisor_names
    no_action_A = np.full(recording.metadata.contract.action_dim, np.nan)
    holders = {
        (lease.robot, tick): supervisors.index(lease.supervisor)
        for tick, table in recording.leases.items()
        for lease in table.leases
    }
    # A table lists what was dismissed since the one before.
    dismissed = {(own.robot, tick - 1) for tick, table in recording.leases.items() for own in table.dismissals}
    rows = []
    for robot, tick in robot_ticks:
        observed, statuses = recording.observed_N[robot][tick], recording.statuses_N[robot]
        hold = RobotAction(tick, ActionKind.HOLD, ActionSource.NOBODY)
        released = recording.released_N[robot].get(tick, hold)
        proposed = recording.proposed_N[robot].get(tick, hold)
        report, table = recording.reports.get(tick), recording.leases.get(tick)
        before, after = statuses.get(tick), statuses.get(tick + 1)
        violated = bool(before and before.violated)
        rows.append(
            {
                "robots": robot,
                "ticks": tick,
                "attempts": (robot, observed.episode),
                "stamps_ns": observed.stamp[0] * 10**9 + observed.stamp[1],
                "states": observed.state_S,
                "kinds": released.kind,
                "sources": released.source,
                "shown": released.shows,
                "actions": released.values or no_action_A,
                "proposals": proposed.values or no_action_A,
                "versions": proposed.policy_version,
                "supervisors": holders.get((robots[robot], tick), -1),
                "uncertainties": report.uncertainties.get(robots[robot], np.nan) if report else np.nan,
                "thresholds": table.threshold(UNCERTAINTY) if table else np.nan,
                "violated": violated,
                "rewards": after.reward if after else np.nan,
                "succeeded": bool(after and after.succeeded),
                "broken": bool(after and after.violated) and not violated,
                "dismissed": (robots[robot], tick) in dismissed,
            }
        )
    return rows
