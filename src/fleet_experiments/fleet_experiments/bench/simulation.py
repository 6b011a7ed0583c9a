"""Measures how fast the benchmark's fleets are simulated, compared with a loop over single simulations.

N robots, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_experiments.bench.stopwatch import Stopwatch, percentiles
from fleet_experiments.results import Results, Row, new_results, run_of
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.headless_mujoco import mujoco


@dataclass(frozen=True)
class SimulationLoad:
    """A fleet with random actions."""

    robots: int = 100
    ticks: int = 300
    """Number of measured ticks."""


QUICK = SimulationLoad(robots=3, ticks=2)


def simulation_bench(
    contracts: Mapping[str, RobotContract], load: SimulationLoad, folder: Path, *, seed: int, command: str
) -> Results:
    """Measure all tasks and write the results into the folder."""
    rows: list[Row] = []
    with Progress() as progress:
        for task, contract in progress.track(contracts.items(), description="tasks"):
            watch = Stopwatch(torch.device("cpu"))
            _whole_fleet(task, contract, load, seed, watch)
            _one_by_one(task, load, watch)
            fleet, single = (percentiles(watch.durations[part]) for part in ("fleet", "single"))
            rows.append(
                run_of(task, "batch", seed, f"{load.robots} robots")
                | fleet
                | {
                    "steps_per_s": 1 / float(np.mean(watch.durations["fleet"])),
                    "one_by_one_p50_s": single["p50_s"],
                    "speedup": float(np.mean(watch.durations["single"]) / np.mean(watch.durations["fleet"])),
                }
            )
    results = new_results("simulation bench", command, rows)
    results.write(folder)
    return results


def _whole_fleet(task: str, contract: RobotContract, load: SimulationLoad, seed: int, watch: Stopwatch) -> None:
    """Time complete control steps: commands, physics, rewards and violations, observations, resets."""
    fleet = SimulatedFleet(KINDS[task], contract, load.robots, np.inf)
    step, random = fleet.reset(seed), np.random.default_rng(seed)
    for _ in range(load.ticks):
        actions_NA = random.uniform(-1, 1, (load.robots, contract.action_dim))
        kinds_N = np.where(step.violated_N, ActionKind.HARD_RESET, ActionKind.MOVE).astype(np.int64)
        with watch.part("fleet"):
            step = fleet.step(kinds_N, actions_NA)


def _one_by_one(task: str, load: SimulationLoad, watch: Stopwatch) -> None:
    """Time the physics alone, robot by robot in Python, without commands."""
    kind, model = KINDS[task], KINDS[task].model()
    datas = [mujoco.MjData(model) for _ in range(load.robots)]
    for _ in range(load.ticks):
        with watch.part("single"):
            for data in datas:
                for _ in range(kind.substeps):
                    mujoco.mj_step(model, data)
