"""Joins samples of a stream to ticks, in live runs and in bags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from fleet_contract.validation import StrictModel


class Alignment(StrictModel):
    """Rule that joins a sample of a stream to a tick."""

    rule: Literal["tick", "hold", "nearest", "gap"]
    """tick: the sample that carries the tick; hold: the newest sample before the tick, however old; nearest: the nearest sample before
    or after the tick, within the tolerance; gap: the newest sample before the tick, within the tolerance, or none."""
    timeline: Literal["header", "receive"] = "header"
    """Time of a sample: header, the stamp in its header; receive, its time of arrival."""
    tolerance_s: float = Field(default=0.0, ge=0.0)
    """nearest and gap: largest time between tick and sample, s."""

    def require_native(self, *, stamped: bool) -> None:
        """Refuse an alignment that does not suit a robot's own topic.

        Args:
            stamped: Whether messages of the topic's type have a header.

        Raises:
            ValueError: the alignment does not suit; names the key.
        """
        if self.rule == "tick":
            raise ValueError(
                "rule: expected hold, nearest or gap, because a robot's own topics carry no tick, got tick"
            )
        if (self.tolerance_s > 0) == (self.rule == "hold"):
            expected = "no tolerance" if self.rule == "hold" else "a number greater than 0"
            raise ValueError(f"tolerance_s: expected {expected} with rule {self.rule}, got {self.tolerance_s}")
        if self.timeline == "header" and not stamped:
            raise ValueError("timeline: expected receive, because messages of this type have no header, got header")


def aligned(stamps_s: Sequence[float], tick_s: float, align: Alignment) -> int | None:
    """Return the index of the sample that belongs to the tick, or None.

    Args:
        stamps_s: Times of the samples, s, in any order, on the alignment's timeline.
        tick_s: Time of the tick, s, on the same timeline.
        align: Alignment with any rule but `tick`.
    """
    tolerance_s = float("inf") if align.rule == "hold" else align.tolerance_s
    after_s = align.tolerance_s if align.rule == "nearest" else 0.0
    candidates = [index for index, stamp_s in enumerate(stamps_s) if -after_s <= tick_s - stamp_s <= tolerance_s]
    # Of equally near samples, the one that arrived last.
    return min(reversed(candidates), key=lambda index: abs(tick_s - stamps_s[index]), default=None)
