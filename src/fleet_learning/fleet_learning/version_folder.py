"""The files of numbered versions in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIRST_TRAINED_VERSION = 2
"""Version 1 is what a run started with; its files are elsewhere."""


@dataclass(frozen=True)
class VersionFolder:
    """Names the files. A version exists once its file does, which is written whole or not at all."""

    folder: Path
    """Where the files are; whoever writes the first one makes it."""
    first_version: int = 1
    """Number of the oldest version in this folder; those before it are kept elsewhere."""

    def file(self, version: int) -> Path:
        """Return the path of a version's file."""
        return self.folder / f"version_{version:03d}.safetensors"

    def versions(self) -> range:
        """Return the numbers of all versions, oldest first; there are no gaps."""
        version = self.first_version
        while self.file(version).exists():
            version += 1
        return range(self.first_version, version)
