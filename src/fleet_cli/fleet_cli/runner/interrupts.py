"""Ctrl-C while a run starts."""

from __future__ import annotations

import signal


class Interrupts:
    """Keeps SIGINT until `check` is called: modules that are being imported may swallow a KeyboardInterrupt."""

    def __init__(self) -> None:
        """Keep the signals from now on, until a node receives them itself."""
        self._received = False
        signal.signal(signal.SIGINT, self._on_signal)

    def check(self) -> None:
        """Stop here if there was a signal.

        Raises:
            KeyboardInterrupt: there was one.
        """
        if self._received:
            raise KeyboardInterrupt

    def _on_signal(self, *_: object) -> None:
        self._received = True
