"""From recorded runs to a training set.

H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_bags.foreign import foreign_samples
from fleet_bags.mapping import BagMapping
from fleet_bags.recording import Recording, read_recording
from fleet_bags.samples import SamplesMetadata, SourceRun
from fleet_bags.writing import Advance, RunSamples, write_samples
from fleet_contract.action import ActionKind, ActionSource, RobotAction

Place = tuple[int, int]
"""Robot and tick."""


def build(
    bags: Sequence[Path], folder: Path, *, mapping: BagMapping | None = None, advance: Advance = lambda *_: None
) -> SamplesMetadata:
    """Write the samples of all runs into a new folder.

    A sample is an observation of a robot, with its image where the robots have a camera: an image that was lost takes its
    sample with it.

    Args:
        bags: of the fleet's own recorder, or of others, which `mapping` describes.
        folder: new.
        mapping: what is what in bags of others.
        advance: told about images that were written.

    Raises:
        BadInput: a bag cannot be used, the robots of two of them differ, or the folder is there already; nothing is written.
    """
    runs = [foreign_samples(bag, mapping) if mapping else _recorded_samples(read_recording(bag)) for bag in bags]
    return write_samples(runs, folder, advance=advance)


def _recorded_samples(recording: Recording) -> RunSamples:
    metadata = recording.metadata
    places = _places(recording, has_images=metadata.contract.observation.camera is not None)
    rows = {place: row for row, place in enumerate(places)}

    def images() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for tick, robot, image in recording.images():
            yield rows[robot, tick], image

    fleet = metadata.fleet
    return RunSamples(
        names=SourceRun(
            bag=str(recording.bag),
            task=fleet.environment.task,
            robots=metadata.robots,
            supervisors=fleet.supervisor_names,
        ),
        contract=metadata.contract,
        rows=_rows(recording, places),
        left_out=sum(map(len, recording.observed_N)) - len(places),
        images=images,
    )


def _places(recording: Recording, *, has_images: bool) -> list[Place]:
    observed = [(robot, tick) for robot, rows in enumerate(recording.observed_N) for tick in sorted(rows)]
    if not has_images:
        return observed
    seen = recording.seen()
    return [place for place in observed if place in seen]


def _rows(recording: Recording, places: Sequence[Place]) -> list[dict[str, Any]]:
    contract, robots, supervisors = (
        recording.metadata.contract,
        recording.metadata.robots,
        recording.metadata.fleet.supervisor_names,
    )
    nothing_A = np.full(contract.action_dim, np.nan)
    holders = {
        (lease.robot, tick): supervisors.index(lease.supervisor)
        for tick, table in recording.leases.items()
        for lease in table.leases
    }
    rows = []
    for robot, tick in places:
        observed, statuses = recording.observed_N[robot][tick], recording.statuses_N[robot]
        held = RobotAction(tick, ActionKind.HOLD, ActionSource.NOBODY)
        released = recording.released_N[robot].get(tick, held)
        proposed = recording.proposed_N[robot].get(tick, held)
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
                "actions": released.values or nothing_A,
                "proposals": proposed.values or nothing_A,
                "versions": proposed.policy_version,
                "supervisors": holders.get((robots[robot], tick), -1),
                "uncertainties": report.uncertainties.get(robots[robot], np.nan) if report else np.nan,
                "thresholds": table.threshold if table else np.nan,
                "violated": violated,
                "rewards": after.reward if after else np.nan,
                "succeeded": bool(after and after.succeeded),
                "broken": bool(after and after.violated) and not violated,
            }
        )
    return rows
