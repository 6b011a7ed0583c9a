"""Whether people sit at this machine."""

from __future__ import annotations

import os


def has_display() -> bool:
    """Whether windows can be opened here."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
