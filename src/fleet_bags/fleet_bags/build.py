"""From recorded runs to a training set.

B samples, H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from fleet_bags.new_folder import new_folder
from fleet_bags.recording import Recording, read_recording
from fleet_bags.samples import ABOUT, COLUMNS, FORMAT, IMAGES, AboutSamples, RunNames, sample_shape
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.door import BadInput

Advance = Callable[[int, int], None]
"""Called with the number of images that were written, and of all."""
Place = tuple[int, int]
"""Robot and tick."""


def build(bags: Sequence[Path], folder: Path, *, advance: Advance = lambda *_: None) -> AboutSamples:
    """Write the samples of all runs into a new folder.

    A sample is an observation of a robot, with its image where the robots have a camera: an image that was lost takes its
    sample with it.

    Raises:
        BadInput: a bag cannot be used, the robots of two of them differ, or the folder is there already; nothing is written.
    """
    recordings = [read_recording(bag) for bag in bags]
    contract = recordings[0].about.contract
    for recording in recordings:
        contract.require_same(recording.about.contract.digest, owner=str(recording.bag))
    has_images = contract.observation.camera is not None
    places = [_places(recording, has_images=has_images) for recording in recordings]
    about = AboutSamples(
        format=FORMAT,
        contract=contract,
        runs=tuple(
            RunNames(bag=str(r.bag), robots=r.about.robots, supervisors=r.about.fleet.supervisor_names)
            for r in recordings
        ),
        samples=sum(map(len, places)),
        left_out=sum(len(observed) for r in recordings for observed in r.observed_N) - sum(map(len, places)),
        has_images=has_images,
    )
    if not about.samples:
        raise BadInput(f"{', '.join(map(str, bags))}: found no observation with its image, allowed is at least one.")
    with new_folder(folder) as partial:
        rows = [row for run, recording in enumerate(recordings) for row in _rows(run, recording, places[run])]
        numbers = {attempt: number for number, attempt in enumerate(dict.fromkeys(row["attempts"] for row in rows))}
        for name, (dtype, _) in COLUMNS.items():
            values = [numbers[row[name]] if name == "attempts" else row[name] for row in rows]
            np.save(partial / f"{name}.npy", np.array(values, dtype).reshape(-1, *sample_shape(name, contract)))
        if has_images:
            shape = (about.samples, *sample_shape(IMAGES, contract))
            _write_images(open_memmap(partial / f"{IMAGES}.npy", "w+", np.uint8, shape), recordings, places, advance)
        (partial / ABOUT).write_text(about.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return about


def _places(recording: Recording, *, has_images: bool) -> list[Place]:
    observed = [(robot, tick) for robot, rows in enumerate(recording.observed_N) for tick in sorted(rows)]
    if not has_images:
        return observed
    seen = {(robot, tick) for tick, robot, _ in recording.images()}
    return [place for place in observed if place in seen]


def _rows(run: int, recording: Recording, places: Sequence[Place]) -> list[dict[str, Any]]:
    """Values of all columns; of `attempts` what tells one from the others."""
    contract, robots, supervisors = (
        recording.about.contract,
        recording.about.robots,
        recording.about.fleet.supervisor_names,
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
                "runs": run,
                "robots": robot,
                "ticks": tick,
                "attempts": (run, robot, observed.episode),
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


def _write_images(
    images_BHWC: NDArray[np.uint8],
    recordings: Sequence[Recording],
    places: Sequence[Sequence[Place]],
    advance: Advance,
) -> None:
    first = done = 0
    for recording, own in zip(recordings, places, strict=True):
        rows = {place: first + row for row, place in enumerate(own)}
        for tick, robot, image in recording.images():
            images_BHWC[rows[robot, tick]] = image
            done += 1
            advance(done, len(images_BHWC))
        first += len(own)
    images_BHWC.flush()  # type: ignore[attr-defined]
