"""A ROS domain of the run's own, so that runs on one machine never hear each other."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_contract.validation import InputError

DOMAINS = range(1, 102)
"""Ports of higher domains can collide with ephemeral ones."""
FIRST_PORT, PORTS_PER_DOMAIN = 7400, 250
"""RTPS well-known ports: participants of domain d listen from 7400 + 250 d on."""


@contextmanager
def own_domain(wanted: str | None, run: Path) -> Iterator[int]:
    """A domain that nobody on this machine uses, kept for the run in that folder until the end of the block.

    The wanted one if it is free; another one otherwise.

    Raises:
        BadInput: `wanted` is no domain, or all are taken.
    """
    if wanted and not (wanted.isdigit() and int(wanted) in range(DOMAINS.stop)):
        raise InputError(f"ROS_DOMAIN_ID: found {wanted!r}, allowed is a number from 0 to {DOMAINS.stop - 1}.")
    candidates = [int(wanted)] if wanted else []
    for domain in [*candidates, *DOMAINS]:
        with socket.socket(socket.AF_UNIX) as mine:
            if not _take(mine, domain):
                continue
            if not _heard(domain):
                place = _place(domain)
                place.write_text(str(run.absolute()), encoding="utf-8")
                try:
                    yield domain
                finally:
                    place.unlink(missing_ok=True)
                return
    raise InputError("ROS_DOMAIN_ID: found no free domain, allowed are at most 101 runs at a time.")


def runs() -> dict[Path, int]:
    """The domains of the runs that are going on here, by their folders."""
    found = {}
    for domain in range(DOMAINS.stop):
        with socket.socket(socket.AF_UNIX) as mine:
            if _place(domain).exists() and not _take(mine, domain):
                found[Path(_place(domain).read_text(encoding="utf-8"))] = domain
    return found


def _take(mine: socket.socket, domain: int) -> bool:
    """Whether the domain was nobody's. An abstract name lives as long as its socket, and reaches as far as a domain here."""
    try:
        mine.bind(f"\0fleet-domain-{domain}")
    except OSError:
        return False
    return True


def _place(domain: int) -> Path:
    """Where the folder of the domain's run is written down, by us and nobody else.

    Raises:
        BadInput: somebody else has made the place.
    """
    home = Path(tempfile.gettempdir()) / f"fleet-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != os.getuid():
        raise InputError(f"{home}: belongs to somebody else, allowed is a folder of our own.")
    return home / str(domain)


def _heard(domain: int) -> bool:
    """Whether something on this machine listens for participants of the domain."""
    first = FIRST_PORT + PORTS_PER_DOMAIN * domain
    return any(first <= port < first + PORTS_PER_DOMAIN for port in _open_ports())


def _open_ports() -> Iterator[int]:
    """UDP ports at which something listens."""
    for table in (Path("/proc/net/udp"), Path("/proc/net/udp6")):
        if table.exists():
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                yield int(line.split()[1].rpartition(":")[2], 16)
