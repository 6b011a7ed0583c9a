"""Units of robots' own topics, and what they are in a contract's."""

from __future__ import annotations

import math

FACTORS = (
    {"1": 1.0, "%": 0.01},
    {"m": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0},
    {"rad": 1.0, "deg": math.pi / 180},
    {"s": 1.0, "ms": 0.001},
    {"m/s": 1.0, "cm/s": 0.01, "mm/s": 0.001, "km/h": 1 / 3.6},
    {"rad/s": 1.0, "deg/s": math.pi / 180, "rpm": math.pi / 30},
    {"N": 1.0, "kN": 1000.0},
    {"Nm": 1.0, "Nmm": 0.001},
)
"""What one of a unit is in SI, one mapping for each kind of quantity."""


def factor(unit: str, wanted: str) -> float:
    """What one `unit` is in the `wanted` unit.

    Raises:
        ValueError: the one cannot be converted to the other; says which can.
    """
    if unit == wanted:
        return 1.0
    alike = next((units for units in FACTORS if wanted in units), {wanted: 1.0})
    if unit not in alike:
        raise ValueError(f"expected one of {', '.join(alike)} for a quantity in {wanted!r}, got {unit!r}")
    return alike[unit] / alike[wanted]
