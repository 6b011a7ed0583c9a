"""The paper's five algorithms, and another one with a monitor, as configurations of one loop (IIFL section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_monitor.monitor import FIREWORK

UC = (UNCERTAINTY, VIOLATION)
"""IIFL's order."""
RESETS_ONLY = (VIOLATION,)
"""C, the order in which humans only give hard resets."""


@dataclass(frozen=True)
class Algorithm:
    """A kind of policy, the order in which robots get humans, and when the policy learns from them."""

    name: str
    """Name in the paper, or in results."""
    policy: Literal["explicit", "implicit"]
    order: tuple[str, ...]
    """`AllocationConfig.order`; with the violation alone humans give hard resets only."""
    updates: Literal["never", "every tick", "at intervals"]
    rule: str = "priority"
    """`AllocationConfig.rule`."""

    @property
    def detectors(self) -> tuple[str, ...]:
        """Kinds of a monitor's detectors that call humans."""
        return tuple(signal for signal in self.order if signal not in UC)

    def with_detectors(self, detectors: Sequence[str]) -> Algorithm:
        """Return the algorithm with those of its detectors that are among these."""
        return replace(self, order=tuple(signal for signal in self.order if signal in (*detectors, *UC)))


ALGORITHMS = {
    "bc": Algorithm("BC", "explicit", RESETS_ONLY, "never"),
    "ibc": Algorithm("IBC", "implicit", RESETS_ONLY, "never"),
    "ifl": Algorithm("IFL", "explicit", UC, "every tick"),
    "iifl_random": Algorithm("IIFL-Random", "implicit", (), "at intervals", rule="random"),
    "iifl": Algorithm("IIFL", "implicit", UC, "at intervals"),
}
"""IIFL's algorithms by the name that commands take."""
MONITORED = {"iifl_firework": Algorithm("IIFL-FIREWORK", "implicit", (*FIREWORK, *UC), "at intervals")}
"""IIFL whose humans are also called by a monitor of states, before the uncertainty calls them."""
FLEET_ALGORITHMS = ALGORITHMS | MONITORED
"""All algorithms with which experiments run whole fleets."""
