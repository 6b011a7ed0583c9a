"""The paper's five algorithms as configurations of one loop (IIFL section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Algorithm:
    """A kind of policy, the order in which robots get humans, and when the policy learns from them."""

    name: str
    """Name in the paper."""
    policy: Literal["explicit", "implicit"]
    order: str
    """`Allocation.order`; with C alone humans give hard resets only."""
    updates: Literal["never", "every tick", "at intervals"]


ALGORITHMS = {
    "bc": Algorithm("BC", "explicit", "C", "never"),
    "ibc": Algorithm("IBC", "implicit", "C", "never"),
    "ifl": Algorithm("IFL", "explicit", "UC", "every tick"),
    "iifl_random": Algorithm("IIFL-Random", "implicit", "random", "at intervals"),
    "iifl": Algorithm("IIFL", "implicit", "UC", "at intervals"),
}
