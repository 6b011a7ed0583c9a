"""Why a robot of the tabletop is in constraint violation."""

from __future__ import annotations

from enum import IntEnum


class Failure(IntEnum):
    """Why a robot waits for a hard reset. All but STUCK happened to objects or to its finger; STUCK is that nothing happened."""

    NONE = 0
    """It does not wait."""
    OVER_RIM = 1
    """An object has been pushed over the table's rim."""
    TOPPLED = 2
    """An object no longer stands upright."""
    JAMMED = 3
    """The finger has pressed against something that does not give way."""
    STUCK = 4
    """The robot has made no progress for a long time."""
