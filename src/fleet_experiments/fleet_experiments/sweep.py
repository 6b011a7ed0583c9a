"""Runs the independent runs of an experiment in parallel with Ray, on this machine or on a cluster."""

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
from fleet_training.first_policy import OnProgress

Work = Callable[[Path, OnProgress], list[Row]]
"""One run: writes its resume files into its folder, and returns its rows."""
POLL_S = 0.5
"""Period at which progress is reported, s."""
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
    """Return the rows of all runs, in their order. Completed runs are not repeated; interrupted runs resume.

    Args:
        runs: runs by name; each gets a folder of that name and one processor.
        folder: folder of the runs' folders; on a cluster, one that all machines share.
        key: digest of everything that the runs depend on besides their names; runs with different keys are not mixed.
        after: name of the earlier run that a run waits for, by the name of the run.
        memory_bytes: memory that one run takes; only as many runs as fit into memory run in parallel.
        address: address of a Ray cluster; None: use this machine's processors.

    Raises:
        InputError: the folder holds other runs, no machine has enough memory, or there is no cluster at the address.
    """
    _require_key(folder, key)
    remaining = {name: work for name, work in runs.items() if not (folder / name / ROWS).exists()}
    if remaining:
        with _cluster(address):
            _require_memory(memory_bytes)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / KEY).write_text(key, encoding="utf-8")
            _run(remaining, folder, after, memory_bytes)
    return [row for name in runs for row in read_rows(folder / name)]


def read_rows(folder: Path) -> list[Row]:
    """Return the rows of a completed run from its folder.

    Raises:
        InputError: the rows cannot be read.
    """
    file = folder / ROWS
    try:
        rows: list[Row] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: expected the rows of a run, got a file that cannot be read ({error}).") from None
    return rows


def _require_key(folder: Path, key: str) -> None:
    file = folder / KEY
    if file.exists() and file.read_text(encoding="utf-8") != key:
        raise InputError(
            f"{folder}: expected a new folder, or one with the same runs to resume, got one with other runs."
        )


def _require_memory(memory_bytes: int) -> None:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    available = max(node["Resources"].get("memory", 0.0) for node in nodes)
    if memory_bytes > available:
        raise InputError(
            f"memory: expected runs that take at most {available / 2**30:.1f} GiB each, which is what a machine has for them, "
            f"got about {memory_bytes / 2**30:.1f} GiB; fewer robots or chains, smaller batches or smaller networks take less."
        )


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled" if address is None else "token")
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        raise InputError(
            f"cluster: expected the address of a Ray cluster, got {address}, where there is none ({error})."
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _run(runs: Mapping[str, Work], folder: Path, after: Mapping[str, str], memory_bytes: int) -> None:
    stages: Any = ray.remote(num_cpus=0)(Stages).remote()
    work = ray.remote(num_cpus=1, memory=memory_bytes)(_work)
    started: dict[str, Any] = {}
    for name, run in runs.items():
        started[name] = work.remote(run, folder / name, name, stages, started.get(after.get(name, "")))
    pending = {result: name for name, result in started.items()}
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bars = {name: progress.add_task(f"{name}: waiting", total=None) for name in runs}
        while pending:
            ready, _ = ray.wait(list(pending), timeout=POLL_S)
            latest: dict[str, tuple[str, int, int]] = ray.get(stages.all.remote())
            for name, (stage, done, total) in latest.items():
                progress.update(bars[name], description=f"{name}: {stage}", completed=done, total=total)
            for result in ready:
                ray.get(result)
                name = pending.pop(result)
                progress.update(bars[name], description=f"{name}: done", completed=1, total=1)


class Stages:
    """Collects the progress of all runs."""

    def __init__(self) -> None:
        self._stages: dict[str, tuple[str, int, int]] = {}

    def put(self, run: str, stage: str, done: int, total: int) -> None:
        """Set the stage of a run and its progress in that stage."""
        self._stages[run] = stage, done, total

    def all(self) -> dict[str, tuple[str, int, int]]:
        """Return stage, progress and total of all runs, by name."""
        return self._stages


def _work(work: Work, folder: Path, name: str, stages: Any, _: None) -> None:
    """Do one run; the last argument is the result of the run that it waits for."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    reported_s = 0.0

    def on_progress(stage: str, done: int, total: int) -> None:
        nonlocal reported_s
        if done == total or time.monotonic() - reported_s > POLL_S:
            reported_s = time.monotonic()
            stages.put.remote(name, stage, done, total)

    rows = work(folder, on_progress)
    partial = folder / (ROWS + ".partial")
    partial.write_text(json.dumps(rows), encoding="utf-8")
    partial.replace(folder / ROWS)
