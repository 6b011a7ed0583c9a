"""Shows who drove each robot, and which robot each human had, as lanes of segments.

N robots, M humans, T ticks, B bins of ticks, L lanes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fleet_cli.run_page.run_history import RunHistory
from fleet_common.palette import DRIVER_COLOURS, as_hex
from fleet_contract.driving import Driver
from fleet_contract.lease import Lease, LeaseKind

Cell = tuple[Driver, str]
"""Of a robot, its driver, and the driver's name or the reason why nobody drove; of a human, the kind of help, and the robot."""
RANKS = {Driver.POLICY: 0, Driver.NOBODY: 1, Driver.HUMAN: 2, Driver.RESET: 3}
"""The highest rank in a bin of ticks is the one that is drawn."""
MAX_BINS = 2000
"""Number of bins to which long runs are reduced."""
MAX_SEGMENTS = 12000
"""Number of segments on a page; more are reduced by longer bins."""
USUAL: Cell = (Driver.POLICY, "")
"""What a lane without a segment means: the policy drives, or the human is free."""


@dataclass(frozen=True)
class Segment:
    """Consecutive ticks with the same driver or robot."""

    first_tick: int
    end_tick: int
    """First tick after the segment."""
    colour: str
    number: str
    """Number in the name of the human or robot."""
    title: str


@dataclass(frozen=True)
class Timeline:
    """A lane of segments for each robot or human."""

    lanes: tuple[tuple[str, tuple[Segment, ...]], ...]
    """Name and segments of each lane."""
    bin_ticks: int
    """Number of ticks that are drawn as one."""


def robots_timeline(run: RunHistory) -> Timeline:
    """Return who drove each robot."""
    cells = [[robot_cell(run, tick, robot) for tick in range(run.ticks)] for robot in _indices(run)]
    return _timeline(run.recording.metadata.robots, cells, _robot_title)


def humans_timeline(run: RunHistory) -> Timeline:
    """Return which robot each human had."""
    names = run.history.fleet.supervisor_names
    cells = {name: [USUAL] * run.ticks for name in names}
    for tick, table in run.recording.leases.items():
        for lease in table.leases if tick < run.ticks else ():
            cells[lease.supervisor][tick] = (_driver_of(lease), lease.robot)
    return _timeline(names, list(cells.values()), _human_title)


def reasons(run: RunHistory) -> Counter[str]:
    """Return how many robot steps nobody drove, by reason."""
    cells = (robot_cell(run, int(tick), int(robot)) for tick, robot in np.argwhere(run.drivers_TN == Driver.NOBODY))
    return Counter(reason for _, reason in cells)


def robot_cell(run: RunHistory, tick: int, robot: int) -> Cell:
    """Return who drove a robot at a tick."""
    recording, driver = run.recording, Driver(run.drivers_TN[tick, robot])
    if driver is Driver.POLICY:
        return USUAL
    action, status = recording.released_N[robot].get(tick), recording.statuses_N[robot].get(tick)
    if driver is Driver.NOBODY:
        unreachable = f"unreachable: {status.unreachable}" if status and status.unreachable else ""
        return driver, (action.reason if action else "") or unreachable or "no action was recorded"
    table, name = recording.leases.get(tick), recording.metadata.robots[robot]
    holders = [lease.supervisor for lease in table.leases if lease.robot == name] if table else []
    return driver, holders[0] if holders else action.supervisor if action else ""


def _indices(run: RunHistory) -> range:
    return range(len(run.recording.metadata.robots))


def _driver_of(lease: Lease) -> Driver:
    return Driver.RESET if lease.kind is LeaseKind.HARD_RESET else Driver.HUMAN


def _robot_title(robot: str, cell: Cell) -> str:
    driver, name = cell
    return f"{robot}: {'nobody, ' if driver is Driver.NOBODY else ''}{name}{_kind(driver)}"


def _human_title(human: str, cell: Cell) -> str:
    driver, robot = cell
    return f"{human}: with {robot}{_kind(driver)}"


def _kind(driver: Driver) -> str:
    return ", hard reset" if driver is Driver.RESET else ""


def _timeline(names: Sequence[str], cells: Sequence[Sequence[Cell]], title: Callable[[str, Cell], str]) -> Timeline:
    """Return lanes, with as many ticks in a bin as the page needs to stay small."""
    kinds = list(dict.fromkeys([USUAL, *(cell for lane in cells for cell in lane)]))
    numbers = {cell: number for number, cell in enumerate(kinds)}
    codes_LT = np.array([[numbers[cell] for cell in lane] for lane in cells], dtype=np.int64).reshape(len(names), -1)
    ranks = np.array([RANKS[driver] for driver, _ in kinds])
    ticks = codes_LT.shape[1]
    bin_ticks = max(1, -(-ticks // MAX_BINS))
    while _segments(binned := _binned(codes_LT, ranks, bin_ticks)) > MAX_SEGMENTS and bin_ticks < ticks:
        bin_ticks *= 2
    lanes = []
    for name, codes_B in zip(names, binned, strict=True):
        segments = []
        for first, end, code in _runs(codes_B):
            (driver, other), span = kinds[code], (first * bin_ticks, min(end * bin_ticks, ticks))
            number = "" if driver is Driver.NOBODY else other.rpartition("_")[2].lstrip("0")
            label = f"{title(name, kinds[code])}, {tick_range(span[0], span[1] - 1)}"
            segments.append(Segment(*span, as_hex(DRIVER_COLOURS[driver]), number, label))
        lanes.append((name, tuple(segments)))
    return Timeline(tuple(lanes), bin_ticks)


def tick_range(first: int, last: int) -> str:
    """Return a range of ticks in words."""
    return f"tick {first}" if first == last else f"ticks {first} to {last}"


def _binned(codes_LT: NDArray[np.int64], ranks: NDArray[np.int64], bin_ticks: int) -> NDArray[np.int64]:
    padded = np.pad(codes_LT, ((0, 0), (0, -codes_LT.shape[1] % bin_ticks)))
    codes_LBt = padded.reshape(len(codes_LT), -1, bin_ticks)
    return np.take_along_axis(codes_LBt, ranks[codes_LBt].argmax(axis=2)[..., None], axis=2)[..., 0]


def _segments(codes_LB: NDArray[np.int64]) -> int:
    return sum(1 for codes_B in codes_LB for _ in _runs(codes_B))


def _runs(codes_B: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield first bin, first bin after it, and code of each run of equal codes other than the usual one."""
    edges = [0, *(np.flatnonzero(np.diff(codes_B)) + 1).tolist(), len(codes_B)]
    for first, end in pairwise(edges):
        if end > first and codes_B[first]:
            yield first, end, int(codes_B[first])
