"""Converts units of robots' own topics to units of contracts."""

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
"""Factors to SI units, one mapping for each kind of quantity."""


def factor(unit: str, wanted: str) -> float:
    """Return the factor from `unit` to the unit `wanted`.

    Raises:
        ValueError: the units cannot be converted; names those that can.
    """
    if unit == wanted:
        return 1.0
    compatible = next((units for units in FACTORS if wanted in units), {wanted: 1.0})
    if unit not in compatible:
        raise ValueError(f"expected one of {', '.join(compatible)} for a quantity in {wanted!r}, got {unit!r}")
    return compatible[unit] / compatible[wanted]
