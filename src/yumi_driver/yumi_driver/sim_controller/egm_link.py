"""The UDP socket between an arm's EGM session and its sensor."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_MAX_BYTES = 65536
_MAX_PER_STEP = 100


class EgmLink:
    """Exchanges datagrams between a free port and the sensor's port on the loopback interface; others are ignored."""

    def __init__(self, sensor_port: int) -> None:
        self.sensor_port = sensor_port
        self._sensor = ("127.0.0.1", sensor_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)

    def send(self, datagram: bytes) -> None:
        """Send to the sensor, whether it listens or not."""
        try:
            self._socket.sendto(datagram, self._sensor)
        except BlockingIOError:
            return  # the buffer is full because the sensor does not read; the next message replaces this one

    def received(self) -> Iterator[bytes]:
        """Yield the sensor's waiting datagrams, oldest first, up to a number that does not delay the arm."""
        for _ in range(_MAX_PER_STEP):
            try:
                datagram, sender = self._socket.recvfrom(_MAX_BYTES)
            except BlockingIOError:
                return
            if sender == self._sensor:
                yield datagram

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@contextmanager
def free_udp_ports(count: int) -> Iterator[list[int]]:
    """Reserve free UDP ports while the context lasts."""
    with ExitStack() as probes:
        ports = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            probe.bind(("", 0))
            ports.append(probe.getsockname()[1])
        yield ports
