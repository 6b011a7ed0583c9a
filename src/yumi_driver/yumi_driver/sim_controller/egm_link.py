"""The UDP socket between an arm's EGM session and its sensor."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_LONGEST = 65536
_MOST_PER_STEP = 100


class EgmLink:
    """Talks from a free port of the loopback interface to the sensor's port, and listens to nobody else."""

    def __init__(self, sensor_port: int) -> None:
        self.sensor_port = sensor_port
        self._sensor = ("127.0.0.1", sensor_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)

    def send(self, datagram: bytes) -> None:
        """Send to the sensor; whether it listens does not matter."""
        try:
            self._socket.sendto(datagram, self._sensor)
        except BlockingIOError:
            return  # full, as the sensor does not read: the next message says more

    def received(self) -> Iterator[bytes]:
        """The sensor's datagrams that wait, oldest first, so many that a flood does not hold up the arm."""
        for _ in range(_MOST_PER_STEP):
            try:
                datagram, sender = self._socket.recvfrom(_LONGEST)
            except BlockingIOError:
                return
            if sender == self._sensor:
                yield datagram

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@contextmanager
def free_udp_ports(count: int) -> Iterator[list[int]]:
    """UDP ports that nobody listens to on any interface, and that nobody else gets while the context lasts."""
    with ExitStack() as probes:
        ports = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            probe.bind(("", 0))
            ports.append(probe.getsockname()[1])
        yield ports
