"""Measures live fleets from outside: their pace, start and end, the processor time and memory of every node, and their messages."""

from __future__ import annotations

import os
import re
import resource
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import Progress

from fleet_bags.bag import files_of
from fleet_bags.contents import read_contents
from fleet_contract.validation import InputError
from fleet_experiments.results import Results, Row, new_results, run_of

SAMPLE_S = 0.05
"""Period, s, at which the processes of a fleet are looked at."""
TIMEOUT_S = 1800.0
"""Time, s, after which a fleet that has not ended is killed."""
CONSOLE = "fleet_cli.main"
"""Words in the command line of the process that starts the others and shows the console."""


@dataclass(frozen=True)
class FleetLoad:
    """A fleet that is run and measured."""

    fleet: str
    """Name of a fleet that ships with the stack."""
    robots: int
    supervisors: int
    ticks: int

    @property
    def words(self) -> list[str]:
        """Options of `fleet up`."""
        counts = ("--robots", self.robots, "--supervisors", self.supervisors, "--ticks", self.ticks)
        return ["--fleet", self.fleet, *map(str, counts), "--seed", "3", "--headless"]


@dataclass(frozen=True)
class FleetBenchPlan:
    """The measurements."""

    loads: tuple[FleetLoad, ...] = (
        FleetLoad("ant_100", 4, 2, 60),
        FleetLoad("ant_100", 20, 4, 60),
        FleetLoad("ant_100", 100, 10, 60),
        FleetLoad("ant_100", 400, 20, 20),
        FleetLoad("block_push", 4, 2, 40),
        FleetLoad("block_push", 20, 4, 20),
    )


QUICK = FleetBenchPlan(loads=(FleetLoad("block_push", 4, 2, 2),))


@dataclass
class Usage:
    """Processor time and memory of one process."""

    cpu_s: float = 0.0
    at_start_s: float = 0.0
    """Processor time when the first tick began, s."""
    peak_bytes: int = 0


@dataclass
class FleetMeasurement:
    """What was seen of one run from its call to its end."""

    first_tick_s: float = 0.0
    """Time from the call to the first tick, s."""
    last_tick_s: float = 0.0
    """Time from the call to the last tick, s."""
    end_s: float = 0.0
    """Time from the call to the end, s."""
    cpu_s: float = 0.0
    """Processor time of all processes from the call to the end, s."""
    nodes: dict[str, Usage] = field(default_factory=dict)
    """By node."""


def fleet_bench(plan: FleetBenchPlan, folder: Path, *, command: str) -> Results:
    """Measure all fleets, and write the results into the folder; the runs are removed."""
    rows: list[Row] = []
    with Progress() as progress:
        for load in progress.track(plan.loads, description="fleets"):
            run = (folder / "run").absolute()
            shutil.rmtree(run, ignore_errors=True)
            measured = measure([sys.executable, "-m", CONSOLE, "up"], load, run)
            rows += measured_rows(load, measured, run)
            shutil.rmtree(run)
    rows += fitted_rows(rows)
    results = new_results("fleet bench", command, rows)
    results.write(folder)
    return results


def measure(command: Sequence[str], load: FleetLoad, run: Path) -> FleetMeasurement:
    """Run a fleet.

    Args:
        command: what starts `fleet up`; another checkout's for comparisons.
        load: the fleet.
        run: folder of the run.

    Raises:
        InputError: the fleet does not start or end.
    """
    measured, started_s, before_s, said = FleetMeasurement(), time.monotonic(), _children_s(), ""
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    words = [*command, *load.words, "--report", str(run)]
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while process.stdout and process.poll() is None:
            if time.monotonic() - started_s > TIMEOUT_S:
                process.kill()
                raise InputError(f"{' '.join(words)}: expected the run to end within {TIMEOUT_S:g} s, got no end.")
            if select.select([process.stdout], [], [], SAMPLE_S)[0]:
                line = process.stdout.readline()
                said += line
                now_s = time.monotonic() - started_s
                if line.startswith("tick 0 ") and not measured.first_tick_s:
                    measured.first_tick_s = now_s
                    _sample(measured.nodes, run, process.pid)
                    for usage in measured.nodes.values():
                        usage.at_start_s = usage.cpu_s
                elif re.match(r"\s+ticks  ", line):
                    measured.last_tick_s = now_s
            if not measured.last_tick_s:
                _sample(measured.nodes, run, process.pid)
        said += process.stdout.read() if process.stdout else ""
    measured.end_s = time.monotonic() - started_s
    measured.cpu_s = _children_s() - before_s
    if process.returncode or not measured.last_tick_s:
        raise InputError(f"{' '.join(words)}: expected exit code 0, got {process.returncode}: {said.strip()[-400:]}.")
    return measured


def measured_rows(load: FleetLoad, measured: FleetMeasurement, run: Path) -> list[Row]:
    """Return the row of a fleet, and one for each of its nodes."""
    fleet = run_of(load.fleet, "fleet", 3, f"{load.robots} robots")
    counts = [read_contents(path).part.counts for path in files_of(run / "bag")]
    size = sum(path.stat().st_size for path in files_of(run / "bag"))
    rate = load.ticks / (measured.last_tick_s - measured.first_tick_s)
    rows: list[Row] = [
        fleet
        | {
            "ticks_per_s": rate,
            "first_tick_s": measured.first_tick_s,
            "end_s": measured.end_s,
            "cpu_s": measured.cpu_s,
            "messages_per_tick": sum(sum(part.values()) for part in counts) / load.ticks,
            "bytes_per_tick": size / load.ticks,
        }
    ]
    for name, usage in sorted(measured.nodes.items()):
        rows.append(
            run_of(load.fleet, name, 3, f"{load.robots} robots")
            | {
                "cpu_s_per_tick": (usage.cpu_s - usage.at_start_s) / load.ticks,
                "start_cpu_s": usage.at_start_s,
                "peak_mb": usage.peak_bytes / 1e6,
            }
        )
    return rows


def fitted_rows(rows: Sequence[Row]) -> list[Row]:
    """Return, for each fleet and node, its processor time per tick as a fixed part and a part per robot (least squares)."""
    series: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in rows:
        if (cpu_s := row.get("cpu_s_per_tick")) is not None:
            robots = int(str(row["condition"]).split()[0])
            series.setdefault((str(row["env"]), str(row["algo"])), []).append((robots, float(cpu_s)))
    fitted: list[Row] = []
    for (fleet, node), points in series.items():
        if len(points) > 1:
            robots_N, cpu_N = np.array(points).T
            per_robot_s, fixed_s = np.polyfit(robots_N, cpu_N, deg=1).tolist()
            values: Row = {"fixed_cpu_s": fixed_s, "cpu_s_per_robot": per_robot_s}
            fitted.append(run_of(fleet, node, 3, "fitted") | values)
    return fitted


def _sample(nodes: dict[str, Usage], run: Path, console: int) -> None:
    """Update the usage of the fleet's processes."""
    for pid, name in _processes(run, console).items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        usage = nodes.setdefault(name, Usage())
        usage.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        usage.peak_bytes = int(peak[1]) * 1024 if peak else usage.peak_bytes


def _processes(run: Path, console: int) -> Mapping[int, str]:
    """Return the nodes' processes by number, with their names."""
    found = {console: "console"}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if f"{run}/params.yaml" in words and (name := re.search(r"__node:=(\S+)", words)):
            found[int(entry.parent.name)] = name[1]
    return found


def _children_s() -> float:
    """Return the processor time of all processes that were waited for, and theirs, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
