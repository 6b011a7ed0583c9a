"""Finds out whether this machine has a display."""

from __future__ import annotations

import os


def has_display() -> bool:
    """Return whether windows can be opened on this machine, through X."""
    return bool(os.environ.get("DISPLAY"))
