"""Health of nodes as checks; the levels have the numbers of diagnostic_msgs/msg/DiagnosticStatus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

ENDED = "shut down"
"""Message of the checks of a node that has shut down on request."""


class Level(IntEnum):
    """Level of a check."""

    OK = 0
    WARN = 1
    """The run continues, and a person should look at it."""
    ERROR = 2
    """The run does not continue without a person."""
    STALE = 3
    """The level is unknown, because the check is no longer published."""


@dataclass(frozen=True)
class Check:
    """One check of a node itself, or of a robot or human that it serves."""

    name: str
    """Name of the check, unique in its node for its subject."""
    level: Level
    """Result of the check."""
    message: str
    """The result in words."""
    values: Mapping[str, str | float] = field(default_factory=dict)
    """Details, with their units in the keys: "tick rate (Hz)"."""
    hardware_id: str = ""
    """Robot or human that the check is about; empty: the fleet as a whole."""

    def qualified(self, node: str, fleet: str) -> Self:
        """Return the check with a name that is unique in the fleet and a hardware_id that is never empty."""
        about = f"{self.hardware_id} " if self.hardware_id else ""
        return replace(self, name=f"{node}: {about}{self.name}", hardware_id=self.hardware_id or fleet)

    def ended(self) -> Self:
        """Return the last result of the check, for a node that shuts down on request."""
        return replace(self, level=Level.STALE, message=ENDED)

    @property
    def has_ended(self) -> bool:
        """Whether the check's node has shut down on request."""
        return (self.level, self.message) == (Level.STALE, ENDED)
