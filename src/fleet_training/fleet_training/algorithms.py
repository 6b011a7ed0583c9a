"""The paper's five algorithms as configurations of one loop (IIFL section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet_contract.signal import UNCERTAINTY, VIOLATION

UC = (UNCERTAINTY, VIOLATION)
"""IIFL's order."""
RESETS_ONLY = (VIOLATION,)
"""C, the order in which humans only give hard resets."""


@dataclass(frozen=True)
class Algorithm:
    """A kind of policy, the order in which robots get humans, and when the policy learns from them."""

    name: str
    """Name in the paper."""
    policy: Literal["explicit", "implicit"]
    order: tuple[str, ...]
    """`AllocationConfig.order`; with the violation alone humans give hard resets only."""
    updates: Literal["never", "every tick", "at intervals"]
    rule: str = "priority"
    """`AllocationConfig.rule`."""


ALGORITHMS = {
    "bc": Algorithm("BC", "explicit", RESETS_ONLY, "never"),
    "ibc": Algorithm("IBC", "implicit", RESETS_ONLY, "never"),
    "ifl": Algorithm("IFL", "explicit", UC, "every tick"),
    "iifl_random": Algorithm("IIFL-Random", "implicit", (), "at intervals", rule="random"),
    "iifl": Algorithm("IIFL", "implicit", UC, "at intervals"),
}
