"""Many independent runs of an experiment on Ray: on this machine's processors, or on a cluster."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import torch
from rich.progress import MofNCompleteColumn, Progress

from fleet_contract.validation import InputError
from fleet_experiments.results import Row

OnProgress = Callable[[str, int, int], None]
"""Called with the stage of a run, what of it is done, and of how much."""
Work = Callable[[Path, OnProgress], list[Row]]
"""One run: keeps what it goes on from in its folder, and gives its rows."""
POLL_S = 0.5
ROWS = "rows.json"
KEY = "key.txt"


def sweep(
    runs: Mapping[str, Work],
    folder: Path,
    *,
    key: str,
    after: Mapping[str, str] = {},
    memory_bytes: int = 0,
    address: str | None = None,
) -> list[Row]:
    """Rows of all runs, in their order. Runs that have ended before are not run again; one that was cut goes on.

    Args:
        runs: by name; each gets a folder of that name and one processor.
        folder: where the runs' folders are; on a cluster, one that all its machines see.
        key: of all that the runs depend on and their names do not tell; runs with another key are not mixed with these.
        after: by a run's name, that of an earlier one whose end it waits for.
        memory_bytes: that one run takes; no more runs than there is memory for go side by side.
        address: of a Ray cluster; this machine's processors by default.

    Raises:
        BadInput: the folder holds other runs, no machine has so much memory, or there is no cluster at the address.
    """
    _require_key(folder, key)
    waiting = {name: work for name, work in runs.items() if not (folder / name / ROWS).exists()}
    if waiting:
        with _cluster(address):
            _require_memory(memory_bytes)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / KEY).write_text(key, encoding="utf-8")
            _run(waiting, folder, after, memory_bytes)
    return [row for name in runs for row in read_rows(folder / name)]


def read_rows(folder: Path) -> list[Row]:
    """The rows of a run that has ended, from its folder.

    Raises:
        BadInput: they cannot be read.
    """
    file = folder / ROWS
    try:
        rows: list[Row] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: found no rows of a run ({error}).") from None
    return rows


def _require_key(folder: Path, key: str) -> None:
    file = folder / KEY
    if file.exists() and file.read_text(encoding="utf-8") != key:
        raise InputError(f"{folder}: found other runs, allowed are the same runs that were cut, or no folder.")


def _require_memory(memory_bytes: int) -> None:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    most = max(node["Resources"].get("memory", 0.0) for node in nodes)
    if memory_bytes > most:
        raise InputError(
            f"memory: found runs that take about {memory_bytes / 2**30:.1f} GiB each, allowed are {most / 2**30:.1f} GiB, "
            "which is what a machine has for them: fewer robots, chains or pairs in a batch, or smaller networks take less."
        )


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled" if address is None else "token")
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        raise InputError(
            f"cluster: found none at {address} ({error}), allowed is the address of a Ray cluster."
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _run(runs: Mapping[str, Work], folder: Path, after: Mapping[str, str], memory_bytes: int) -> None:
    stages: Any = ray.remote(num_cpus=0)(Stages).remote()
    work = ray.remote(num_cpus=1, memory=memory_bytes)(_work)
    begun: dict[str, Any] = {}
    for name, run in runs.items():
        begun[name] = work.remote(run, folder / name, name, stages, begun.get(after.get(name, "")))
    pending = {ending: name for name, ending in begun.items()}
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bars = {name: progress.add_task(f"{name}: waiting", total=None) for name in runs}
        while pending:
            ended, _ = ray.wait(list(pending), timeout=POLL_S)
            told: dict[str, tuple[str, int, int]] = ray.get(stages.all.remote())
            for name, (stage, done, total) in told.items():
                progress.update(bars[name], description=f"{name}: {stage}", completed=done, total=total)
            for ending in ended:
                ray.get(ending)
                name = pending.pop(ending)
                progress.update(bars[name], description=f"{name}: done", completed=1, total=1)


class Stages:
    """How far every run is."""

    def __init__(self) -> None:
        self._stages: dict[str, tuple[str, int, int]] = {}

    def put(self, run: str, stage: str, done: int, total: int) -> None:
        """A run is here now."""
        self._stages[run] = stage, done, total

    def all(self) -> dict[str, tuple[str, int, int]]:
        """Where all runs are."""
        return self._stages


def _work(work: Work, folder: Path, name: str, stages: Any, _: None) -> None:
    """Ray calls it when the run before it, which is the last argument, has ended."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    said = 0.0

    def advance(stage: str, done: int, total: int) -> None:
        nonlocal said
        if done == total or time.monotonic() - said > POLL_S:
            said = time.monotonic()
            stages.put.remote(name, stage, done, total)

    rows = work(folder, advance)
    partial = folder / (ROWS + ".partial")
    partial.write_text(json.dumps(rows), encoding="utf-8")
    partial.replace(folder / ROWS)
