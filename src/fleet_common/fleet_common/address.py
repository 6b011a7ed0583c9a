"""The address on which a server listens."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from fleet_contract.validation import InputError

PORTS = range(65536)
"""Port numbers; 0 selects a free one."""


@dataclass(frozen=True)
class Address:
    """A host and a port."""

    host: str = "127.0.0.1"
    """Name or IP address; other machines can connect unless it is a loopback address."""
    port: int = 8765
    """0 selects a free port."""

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def websocket(self) -> str:
        """The address as a WebSocket URL."""
        return f"ws://{self}"

    def require_free(self, server: str) -> None:
        """Refuse an address on which `server` cannot listen.

        Raises:
            InputError: the port does not exist, the host is not this machine, or the port is in use.
        """
        if self.port not in PORTS:
            raise InputError(f"{server}: expected a port from {PORTS.start} to {PORTS.stop - 1}, got {self.port}.")
        try:
            family, *_, place = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{server}: expected a free address of this machine, got {self.host!r} and port {self.port}: {reason}."
            ) from None


def read_address(option: str, text: str) -> Address:
    """Return the address in a text like "example.org:8780" or "[::1]:8780".

    Args:
        option: where the text comes from, for errors.
        text: host and port.

    Raises:
        InputError: it is no address.
    """
    host, _, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < PORTS.stop:
        raise InputError(f"{option}: expected HOST:PORT with a port from 1 to {PORTS.stop - 1}, got {text!r}.")
    return Address(host, int(port))
