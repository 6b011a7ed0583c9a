"""Removes shared memory that DDS and the tracing of ROS 2 leave behind."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SHARED = Path("/dev/shm")  # noqa: S108 - POSIX shared memory
PREFIXES = ("fastdds_", "sem.fastdds_", "fast_datasharing_", "sem.fast_datasharing_", "lttng-ust-wait-")


def remove_orphans() -> list[str]:
    """Remove segments that no other process has mapped, and return their names.

    Call this only while this process has no ROS context: what it still has mapped then is left from an earlier one.
    """
    candidates = [file for file in SHARED.glob("*") if file.name.startswith(PREFIXES)]
    if not candidates:
        return []
    mapped = _mapped()
    removed = []
    for file in candidates:
        # The lock of a segment (..._el) is never mapped: it goes with its segment.
        if file.name.removesuffix("_el") not in mapped:
            with suppress(OSError):
                file.unlink()
                removed.append(file.name)
    return removed


def _mapped() -> set[str]:
    names = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        if maps.parent.name == str(os.getpid()):
            continue
        with suppress(OSError):
            for line in maps.read_text(encoding="utf-8", errors="replace").splitlines():
                _, found, name = line.partition(f"{SHARED}/")
                if found:
                    names.add(name.removesuffix(" (deleted)"))
    return names
