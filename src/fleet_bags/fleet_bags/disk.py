"""Writes files completely or raises an error, and syncs them so that they survive a power failure."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Sink:
    """A new unbuffered file for `mcap.writer.Writer`.

    Raises:
        OSError: the file exists already, or the disk is full or broken.
    """

    def __init__(self, path: Path) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write all data; after an error an unknown part of it is in the file."""
        rest = memoryview(data)
        while rest:
            written = os.write(self.handle, rest)
            self._size += written
            rest = rest[written:]
        return len(data)

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._size

    def flush(self) -> None:
        """Do nothing: the file is unbuffered."""

    def close(self) -> None:
        """Close the file unless it is closed already."""
        handle, self.handle = self.handle, -1
        if handle >= 0:
            os.close(handle)


def sync_folder(folder: Path) -> None:
    """Sync a folder's list of files to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_durably(path: Path, content: bytes) -> None:
    """Write a file atomically: after a power failure it has its old or its new content.

    Raises:
        OSError: the disk is full or broken.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def free_bytes(folder: Path) -> int:
    """Return the free space on the disk of a folder that this user may use, bytes."""
    return shutil.disk_usage(folder).free
