"""Ends the agent's process from any of its threads."""

from __future__ import annotations

import os
import signal


def exit_process() -> None:
    """End the process as Ctrl-C does: the arms hold, and the controller's program is stopped."""
    os.kill(os.getpid(), signal.SIGINT)
