"""What a recorder wants of a disk: that it takes everything or says so, and still has it when the plug is pulled."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Sink:
    """A new file that takes all of what it is given, as `mcap.writer.Writer` writes.

    Raises:
        OSError: the file is there already, or the disk is full or broken.
    """

    def __init__(self, path: Path) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write all of it; when this fails, an unknown part of it is written."""
        rest = memoryview(data)
        while rest:
            written = os.write(self.handle, rest)
            self._size += written
            rest = rest[written:]
        return len(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._size

    def flush(self) -> None:
        """There is nothing to flush: the system has everything already."""

    def close(self) -> None:
        """Close the file, once."""
        handle, self.handle = self.handle, -1
        if handle >= 0:
            os.close(handle)


def sync_folder(folder: Path) -> None:
    """Let the folder's list of files survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_durably(path: Path, content: bytes) -> None:
    """Put the content into the place of a file: after a loss of power there is the old or the new one.

    Raises:
        OSError: the disk does not take it.
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
    """What is left for programs like this one on the disk of a folder."""
    return shutil.disk_usage(folder).free
