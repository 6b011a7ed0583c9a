"""A monitor that repeats its recorded values. T ticks, N robots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from fleet_learning.signal_provider import Snapshot
from fleet_monitor.monitor_signals import MonitorSignals

VALUES, WATCH = "values.", "watch."
"""Beginnings of the names of its tensors."""


class RecordedSignals(MonitorSignals):
    """Repeats the recorded values, and then computes and records new ones, with what its watch remembered of the recorded ticks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._recorded: list[Mapping[str, NDArray[np.float64]]] = []

    @override
    def values(self, snapshot: Snapshot) -> Mapping[str, NDArray[np.float64]]:
        if snapshot.tick == len(self._recorded):
            self._recorded.append(super().values(snapshot))
        return self._recorded[snapshot.tick]

    def tensors(self) -> dict[str, Tensor]:
        """Return the values (T, N) of all ticks so far, and what the watch remembers, by name."""
        values = {
            f"{VALUES}{signal.name}": torch.from_numpy(np.array([own[signal.name] for own in self._recorded]))
            for signal in self.signals
        }
        return values | {f"{WATCH}{name}": tensor for name, tensor in self._watch.state().items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue where another one returned these tensors."""
        values = {signal.name: tensors[f"{VALUES}{signal.name}"].numpy() for signal in self.signals}
        self._recorded = [dict(zip(values, own_N, strict=True)) for own_N in zip(*values.values(), strict=True)]
        self._watch.restore(
            {name.removeprefix(WATCH): tensor for name, tensor in tensors.items() if name.startswith(WATCH)}
        )
