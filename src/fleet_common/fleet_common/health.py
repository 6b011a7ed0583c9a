"""How nodes are: what they check, as operators are told of it; the numbers are those of diagnostic_msgs/msg/DiagnosticStatus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

ENDED = "has ended, and nobody needs to miss it"


class Level(IntEnum):
    """How well something is."""

    OK = 0
    WARN = 1
    """It goes on, and somebody should look at it."""
    ERROR = 2
    """It does not go on without somebody."""
    STALE = 3
    """Nobody knows."""


@dataclass(frozen=True)
class Check:
    """One thing that a node knows of itself, or of a robot or human that it serves."""

    name: str
    level: Level
    message: str
    """What there is to know, in a sentence."""
    values: Mapping[str, str | float] = field(default_factory=dict)
    """Units are in the keys: "tick rate (Hz)"."""
    hardware_id: str = ""
    """The robot or human that it is about; empty: the fleet as a whole."""

    def of(self, node: str, fleet: str) -> Self:
        """The same as it is told to others, with a name that no other check of the fleet has, and everything filled in."""
        about = f"{self.hardware_id} " if self.hardware_id else ""
        return replace(self, name=f"{node}: {about}{self.name}", hardware_id=self.hardware_id or fleet)

    def ended(self) -> Self:
        """The last word of a node that ends because somebody wants it to."""
        return replace(self, level=Level.STALE, message=ENDED)

    @property
    def has_ended(self) -> bool:
        """Whether this was the last word about it."""
        return (self.level, self.message) == (Level.STALE, ENDED)
