"""Ending the agent from any of its threads."""

from __future__ import annotations

import os
import signal


def end_process() -> None:
    """As by Ctrl-C: the arms hold, and the controller's program is stopped."""
    os.kill(os.getpid(), signal.SIGINT)
