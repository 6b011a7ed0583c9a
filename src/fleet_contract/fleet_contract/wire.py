"""Packs numbers into the arrays of messages without a conversion per value."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

TYPES = {"float64": "d", "uint8": "B", "uint32": "I", "uint64": "Q"}
"""Type code of an array.array by the message's element type."""


def packed(kind: str, values: ArrayLike) -> array[Any]:
    """Return an array of one of `TYPES` with the values, flattened in row order, as rclpy takes it without a look at each value."""
    result = array(TYPES[kind])
    result.frombytes(np.ascontiguousarray(values, dtype=kind).tobytes())
    return result


def require_lengths(count: int, **arrays: Any) -> None:
    """Refuse a message whose arrays do not have one entry per robot.

    Raises:
        ValueError: an array has another length.
    """
    for name, values in arrays.items():
        if len(values) != count:
            raise ValueError(f"{name}: expected one entry for each of {count} robots, got {len(values)}")


def require_known(robots: Sequence[str], known: Collection[str]) -> None:
    """Refuse a message about robots that are not of this fleet, or twice about one.

    Raises:
        ValueError: a name is unknown or repeated.
    """
    unknown = set(robots).difference(known)
    if unknown or len(set(robots)) != len(robots):
        raise ValueError(f"robots: expected different robots of this fleet, got {sorted(unknown) or list(robots)}")
