"""Signals: numbers that say how urgently each robot needs a human, as fleet_interfaces/msg/Signal carries them.

N robots of the signal.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.wire import packed, require_known, require_lengths

UNCERTAINTY = "uncertainty"
"""Signal of the policy."""
VIOLATION = "violation"
"""Signal of the robots: 1 in constraint violation, else 0."""
RISK = "risk"
"""Signal of a critic: the predicted probability of a constraint violation."""


@dataclass(frozen=True)
class Signal:
    """The values of one signal at one tick; a larger value is more urgent."""

    name: str
    """Name by which the allocation's order refers to it."""
    tick: int
    robots: tuple[str, ...]
    """Names, (N,)."""
    values_N: NDArray[np.float64]
    """Values; NaN where there is none."""
    unit: str
    """Unit of the values; 1 for numbers without a unit."""
    provider: str
    """What computed the values."""
    standard_errors_N: NDArray[np.float64] | None = None
    """Standard errors of the values; None if they are unknown."""
    threshold: float = math.nan
    """The provider's own threshold; NaN if it has none."""
    version: int = 0
    """Version of the policy that the values are about, from 1; 0 if they are about none."""

    @property
    def by_robot(self) -> dict[str, float]:
        """The values by robot."""
        return dict(zip(self.robots, self.values_N.tolist(), strict=True))


def signal_of(message: Any, known: Collection[str]) -> Signal:
    """Return the signal in a fleet_interfaces/msg/Signal.

    Args:
        message: the message.
        known: names of all robots that there are.

    Raises:
        ValueError: the arrays' lengths do not fit each other, or a robot is unknown.
    """
    require_known(message.robots, known)
    require_lengths(len(message.robots), values=message.values, standard_errors=message.standard_errors)
    return Signal(
        name=message.name,
        tick=message.tick,
        robots=tuple(message.robots),
        values_N=np.asarray(message.values, dtype=np.float64),
        unit=message.unit,
        provider=message.provider,
        standard_errors_N=np.asarray(message.standard_errors, dtype=np.float64),
        threshold=message.threshold,
        version=message.version,
    )


def fill_signal(message: Any, signal: Signal, stamp: Any) -> None:
    """Write a signal into a fleet_interfaces/msg/Signal; `stamp` is that of the tick's observations."""
    errors_N = signal.standard_errors_N
    message.header.stamp = stamp
    message.tick = signal.tick
    message.name, message.provider, message.unit = signal.name, signal.provider, signal.unit
    message.version = signal.version
    message.robots = list(signal.robots)
    message.values = packed("float64", signal.values_N)
    message.standard_errors = packed("float64", np.full(len(signal.robots), np.nan) if errors_N is None else errors_N)
    message.threshold = float(signal.threshold)  # a message with an integer ends the process


def with_unit(number: str, unit: str) -> str:
    """Return a number with its unit, as people read it; numbers without a unit stay as they are."""
    return number if unit in {"", "1"} else f"{number} {unit}"
