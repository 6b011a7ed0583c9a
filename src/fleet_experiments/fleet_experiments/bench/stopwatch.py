"""Measures durations of parts of a program."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from fleet_experiments.results import Row


class Stopwatch:
    """Collects durations by name, s; waits for pending work of the device at every reading."""

    def __init__(self, device: torch.device) -> None:
        self.durations: dict[str, list[float]] = defaultdict(list)
        self._device = device
        self._began: dict[str, float] = {}
        self._last = self._now()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time the block."""
        self.begin(name)
        yield
        self.end(name)

    def begin(self, name: str) -> None:
        """Begin a part of this name."""
        self._began[name] = self._now()

    def end(self, name: str) -> None:
        """End the part of this name."""
        self.durations[name].append(self._now() - self._began[name])

    def lap(self, name: str) -> None:
        """End a lap of this name, which lasted since the previous lap or since the start."""
        now = self._now()
        self.durations[name].append(now - self._last)
        self._last = now

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def seconds(device: torch.device, run: Callable[[], object]) -> float:
    """Return the duration of one call, s."""
    watch = Stopwatch(device)
    with watch.part("call"):
        run()
    return watch.durations["call"][0]


def percentiles(durations_s: list[float]) -> Row:
    """Return the part of a row that describes durations."""
    p50, p99 = np.percentile(durations_s, [50, 99])
    return {"p50_s": float(p50), "p99_s": float(p99), "passes": len(durations_s)}
