"""Where a server listens."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from fleet_contract.validation import InputError

PORTS = range(65536)


@dataclass(frozen=True)
class Address:
    """A host and a port of it."""

    host: str = "127.0.0.1"
    """Name or number; one that others reach lets them look, too."""
    port: int = 8765
    """0: a free one."""

    @property
    def websocket(self) -> str:
        """The address as WebSocket clients are told it."""
        return f"ws://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def require_free(self, server: str) -> None:
        """Refuse an address at which `server` cannot listen.

        Raises:
            BadInput: it is none of this machine, or somebody listens there already.
        """
        if self.port not in PORTS:
            raise InputError(f"{server}: found port {self.port}, allowed are {PORTS.start} to {PORTS.stop - 1}.")
        try:
            family, *_, place = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{server}: found host {self.host!r} and port {self.port}: {reason}.") from None
