"""Writes training sets from the rows of recorded runs.

H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from fleet_bags.new_folder import new_folder
from fleet_bags.samples import COLUMNS, FORMAT, IMAGES, METADATA_FILE, SamplesMetadata, SourceRun, sample_shape
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError

OnProgress = Callable[[int, int], None]
"""Called with the number of images written so far and the number of all images."""


@dataclass(frozen=True)
class RunSamples:
    """The rows of one run that become samples."""

    source: SourceRun
    contract: RobotContract
    rows: Sequence[Mapping[str, Any]]
    """Values of all columns except `runs`, by robot and tick; `attempts` holds a key that is unique in the run."""
    left_out: int
    """Number of observations that are left out because something is missing, such as their image."""
    images: Callable[[], Iterator[tuple[int, NDArray[np.uint8]]]]
    """Yields row and image (H, W, C) of every row in any order; called only for robots that have a camera."""


def write_samples(
    runs: Sequence[RunSamples], folder: Path, *, on_progress: OnProgress = lambda *_: None
) -> SamplesMetadata:
    """Write the samples of all runs into a new folder.

    Raises:
        InputError: there are no samples, the robots of two runs differ, an image cannot be used, or the folder exists
            already; nothing is written.
    """
    contract = runs[0].contract
    for run in runs:
        contract.require_same(run.contract.digest, owner=run.source.bag)
    metadata = SamplesMetadata(
        format=FORMAT,
        contract=contract,
        runs=tuple(run.source for run in runs),
        samples=sum(len(run.rows) for run in runs),
        left_out=sum(run.left_out for run in runs),
        has_images=contract.observation.camera is not None,
    )
    if not metadata.samples:
        bags = ", ".join(run.source.bag for run in runs)
        raise InputError(f"{bags}: expected at least one observation with its image, got none.")
    rows = [(number, row) for number, run in enumerate(runs) for row in run.rows]
    attempts = {key: number for number, key in enumerate(dict.fromkeys((n, row["attempts"]) for n, row in rows))}

    with new_folder(folder) as partial:
        for name, (dtype, _) in COLUMNS.items():
            values = [_value(name, number, row, attempts) for number, row in rows]
            np.save(partial / f"{name}.npy", np.array(values, dtype).reshape(-1, *sample_shape(name, contract)))
        if metadata.has_images:
            shape = (metadata.samples, *sample_shape(IMAGES, contract))
            _write_images(open_memmap(partial / f"{IMAGES}.npy", "w+", np.uint8, shape), runs, on_progress)
        (partial / METADATA_FILE).write_text(metadata.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return metadata


def _value(name: str, run: int, row: Mapping[str, Any], attempts: Mapping[tuple[int, Any], int]) -> Any:
    return {"runs": run, "attempts": attempts[run, row["attempts"]]}.get(name, row.get(name))


def _write_images(images_BHWC: NDArray[np.uint8], runs: Sequence[RunSamples], on_progress: OnProgress) -> None:
    first = done = 0
    for run in runs:
        for row, image in run.images():
            images_BHWC[first + row] = image
            done += 1
            on_progress(done, len(images_BHWC))
        first += len(run.rows)
    images_BHWC.flush()  # type: ignore[attr-defined]
