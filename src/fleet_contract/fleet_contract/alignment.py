"""Which sample of a stream is joined to a tick, live and from bags alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from fleet_contract.validation import StrictModel


class Alignment(StrictModel):
    """How a sample of a stream is joined to a tick."""

    rule: Literal["tick", "hold", "nearest", "gap"]
    """tick: the sample carries the tick; hold: the newest before it, however old; nearest: before or after it, within the
    tolerance; gap: the newest before it, within the tolerance. Otherwise there is no sample."""
    timeline: Literal["header", "receive"] = "header"
    """Which clock places the sample: the stamp in its header, or its arrival."""
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
    """Index of the sample that belongs to the tick; None if there is none.

    Args:
        stamps_s: of the samples, in any order, on the alignment's timeline.
        tick_s: the tick's time on the same timeline.
        align: any rule but `tick`.
    """
    tolerance_s = float("inf") if align.rule == "hold" else align.tolerance_s
    after_s = align.tolerance_s if align.rule == "nearest" else 0.0
    fitting = [index for index, stamp_s in enumerate(stamps_s) if -after_s <= tick_s - stamp_s <= tolerance_s]
    # Of samples that are equally near, the one that came last.
    return min(reversed(fitting), key=lambda index: abs(tick_s - stamps_s[index]), default=None)
