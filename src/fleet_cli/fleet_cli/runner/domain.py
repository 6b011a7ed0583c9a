"""Reserves a ROS domain for each run, so that the runs on one machine are isolated from each other."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_contract.validation import InputError

DOMAINS = range(1, 102)
"""Domains that are used. The ports of higher ones can collide with ephemeral ports."""
FIRST_PORT, PORTS_PER_DOMAIN = 7400, 250
"""Well-known ports of RTPS: participants of domain d listen on ports from 7400 + 250 d."""


@contextmanager
def own_domain(wanted: str | None, run: Path) -> Iterator[int]:
    """Reserve a domain that nothing on this machine uses, until the end of the block.

    Args:
        wanted: Domain that is taken if it is free.
        run: Folder of the run that the domain is for.

    Raises:
        InputError: `wanted` is not a domain, or all domains are taken.
    """
    if wanted and not (wanted.isdigit() and int(wanted) in range(DOMAINS.stop)):
        raise InputError(f"ROS_DOMAIN_ID: expected a number from 0 to {DOMAINS.stop - 1}, got {wanted!r}.")
    candidates = [int(wanted)] if wanted else []
    for domain in [*candidates, *DOMAINS]:
        with socket.socket(socket.AF_UNIX) as lock:
            if not _lock(lock, domain):
                continue
            if not _is_in_use(domain):
                record = _record(domain)
                record.write_text(str(run.absolute()), encoding="utf-8")
                try:
                    yield domain
                finally:
                    record.unlink(missing_ok=True)
                return
    raise InputError(f"ROS_DOMAIN_ID: expected at most {len(DOMAINS)} runs at a time, got no free domain.")


def runs_in_progress() -> dict[Path, int]:
    """Return the domain of each run in progress on this machine, by the run's folder."""
    domains = {}
    for domain in range(DOMAINS.stop):
        with socket.socket(socket.AF_UNIX) as lock:
            if _record(domain).exists() and not _lock(lock, domain):
                domains[Path(_record(domain).read_text(encoding="utf-8"))] = domain
    return domains


def _lock(lock: socket.socket, domain: int) -> bool:
    """Lock a domain, and return whether it was free.

    The lock is an abstract socket name, which lives as long as the socket, and is known in the same network namespace as the domain.
    """
    try:
        lock.bind(f"\0fleet-domain-{domain}")
    except OSError:
        return False
    return True


def _record(domain: int) -> Path:
    """Return the file that names the folder of the domain's run, in a folder that only this user can write.

    Raises:
        InputError: the folder belongs to another user.
    """
    home = Path(tempfile.gettempdir()) / f"fleet-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != os.getuid():
        raise InputError(f"{home}: expected a folder of user {os.getuid()}, got one of user {home.lstat().st_uid}.")
    return home / str(domain)


def _is_in_use(domain: int) -> bool:
    """Return whether a process on this machine listens on a port of the domain."""
    first = FIRST_PORT + PORTS_PER_DOMAIN * domain
    return any(first <= port < first + PORTS_PER_DOMAIN for port in _open_ports())


def _open_ports() -> Iterator[int]:
    """Yield the UDP ports that processes on this machine listen on."""
    for table in (Path("/proc/net/udp"), Path("/proc/net/udp6")):
        if table.exists():
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                yield int(line.split()[1].rpartition(":")[2], 16)
