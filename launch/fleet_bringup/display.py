"""Whether people sit at this machine."""

from __future__ import annotations

import os


def has_display() -> bool:
    """Whether windows can be opened here; OpenCV opens them through X."""
    return bool(os.environ.get("DISPLAY"))
