"""Measures how fast a monitor watches a fleet, compared with one watch per robot.

R robots, H image rows, W image columns, C channels.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from fleet_contract.fleet import Fleet
from fleet_contract.validation import InputError
from fleet_experiments.bench.stopwatch import Stopwatch, percentiles
from fleet_experiments.results import Results, Row, new_results, run_of
from fleet_monitor.monitor import Monitor, read_monitor
from fleet_monitor.watch import Watch

Update = Callable[[int, NDArray[np.uint8]], object]
"""Takes a tick and the images (R, H, W, C) of all robots."""


@dataclass(frozen=True)
class MonitorLoad:
    """Fleets of several sizes, of which every robot has enough frames of its episode."""

    robots: tuple[int, ...] = (4, 20, 100)
    every: tuple[int, ...] = (1, 2)
    """Futures of a robot are imagined at every so many-th tick."""
    ticks: int = 20
    """Number of measured ticks."""


QUICK = MonitorLoad(robots=(3,), ticks=2)


def monitor_bench(fleet: Fleet, name: str, load: MonitorLoad, folder: Path, *, seed: int, command: str) -> Results:
    """Measure a monitor of a fleet file and write the results into the folder.

    Raises:
        InputError: the fleet has no such monitor, its file cannot be used, or it watches states.
    """
    if name not in fleet.monitors:
        raise InputError(f"--monitor: expected one of {', '.join(fleet.monitors) or 'none'}, got {name}.")
    checkpoint = fleet.monitors[name].checkpoint
    if checkpoint is None:
        raise InputError(f"monitors.{name}.checkpoint: expected the file of a monitor, got null.")
    monitor, _ = read_monitor(checkpoint, fleet.contract())
    if monitor.model.config.observes == "state":
        raise InputError(f"{checkpoint}: expected a monitor of images, got one of states.")
    monitor = monitor.only(fleet.monitors[name].names)
    rows: list[Row] = []
    with Progress() as progress:
        for robots in progress.track(load.robots, description="fleets"):
            tasks = tuple(fleet.tasks[robot % len(fleet.tasks)] for robot in range(robots))
            for every in load.every:
                update = _whole_fleet(monitor, tasks, every)
                rows.append(_measured(monitor, "one watch", update, robots, load, seed) | {"every": every})
            rows.append(_measured(monitor, "a watch per robot", _one_by_one(monitor, tasks), robots, load, seed))
    results = new_results("monitor bench", command, [{**row, "env": fleet.fleet} for row in rows])
    results.write(folder)
    return results


def _measured(monitor: Monitor, algo: str, update: Update, robots: int, load: MonitorLoad, seed: int) -> Row:
    """Return the times of one tick of the fleet once all robots have a context."""
    random, watch = np.random.default_rng(seed), Stopwatch(torch.device("cpu"))
    context = monitor.model.config.dynamics.context
    used_s = 0.0
    for tick in range(context + load.ticks):
        images_RHWC = random.integers(0, 256, (robots, *monitor.model.config.autoencoder.observed), dtype=np.uint8)
        begin_s = time.process_time()
        with watch.part("tick"):
            update(tick, images_RHWC)
        used_s += time.process_time() - begin_s if tick >= context else 0.0
    measured = percentiles(watch.durations["tick"][context:])
    return run_of("", algo, seed, f"{robots} robots") | measured | {"cpu_s_per_tick": used_s / load.ticks, "every": 1}


def _whole_fleet(monitor: Monitor, tasks: tuple[str, ...], every: int) -> Update:
    watch, robots = Watch(monitor, tasks, every=every), range(len(tasks))
    episodes_R = np.zeros(len(tasks), np.int64)
    return lambda tick, images_RHWC: watch.update(tick, robots, episodes_R, images_RHWC)


def _one_by_one(monitor: Monitor, tasks: tuple[str, ...]) -> Update:
    watches, episode = [Watch(monitor, (task,)) for task in tasks], np.zeros(1, np.int64)
    return lambda tick, images_RHWC: [
        watch.update(tick, [0], episode, image_HWC[None]) for watch, image_HWC in zip(watches, images_RHWC, strict=True)
    ]
