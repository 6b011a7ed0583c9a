"""Finds, reads and locks the bag in a folder."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_bags.bag_metadata import ROOT_KEY, Part, Topic, metadata, read_metadata
from fleet_bags.contents import Contents, read_contents
from fleet_contract.validation import InputError

NUMBER = re.compile(r"_(\d+)$")
REQUIRED_KEYS = {"fleet", "contract", "contract_digest"}
"""Keys of the custom data that every recorder of a fleet writes."""


@dataclass(frozen=True)
class Bag:
    """The contents of a bag's files."""

    folder: Path
    files: tuple[Contents, ...]
    """The files in the order in which they were written."""
    custom_data: Mapping[str, str]
    """What the recorder wrote about the run."""

    @property
    def parts(self) -> list[Part]:
        """The files as parts of the bag."""
        return [file.part for file in self.files]

    @property
    def topics(self) -> list[Topic]:
        """The topics of all files, in the order in which they were added."""
        return list({topic.name: topic for file in self.files for topic in file.topics}.values())

    def metadata(self) -> dict[str, Any]:
        """Return what metadata.yaml must contain."""
        return metadata(self.parts, self.topics, self.custom_data)


def bag_folder(path: Path) -> Path:
    """Return the folder of a bag, given that folder or the folder of its run.

    Raises:
        InputError: there is no bag.
    """
    for folder in (path, path / "bag"):
        if folder.is_dir() and (files_of(folder) or (folder / "metadata.yaml").exists()):
            return folder
    raise InputError(f"{path}: expected the folder of a recorded run or of its bag, got a path without a bag.")


def read_bag(folder: Path, custom_data: Mapping[str, str] | None = None) -> Bag:
    """Return the bag in a folder.

    Args:
        folder: the folder of the bag.
        custom_data: custom data for a bag whose files hold none; None: the files or metadata.yaml must hold it.

    Raises:
        InputError: the bag has no files, or was not written by a fleet's recorder.
    """
    files = tuple(read_contents(path) for path in files_of(folder))
    if not files:
        raise InputError(f"{folder}: expected a bag with at least one MCAP file, got none.")
    custom_data = (
        next((file.custom_data for file in files if file.custom_data), None) or custom_data or _custom_data_of(folder)
    )
    if not custom_data.keys() >= REQUIRED_KEYS:
        raise InputError(f"{folder}: expected a bag that a fleet's recorder wrote, got another bag.")
    return Bag(folder, files, custom_data)


def files_of(folder: Path) -> list[Path]:
    """Return the bag's files in the order in which they were written."""
    return sorted(folder.glob("*.mcap"), key=number_of)


def number_of(file: Path) -> int:
    """Return the number in a file's name, or -1 if there is none."""
    match = NUMBER.search(file.stem)
    return int(match[1]) if match else -1


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a bag against other recorders and repairs; the operating system releases the lock if the process dies.

    Raises:
        InputError: another recorder or repair holds the lock.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: expected a bag that is not in use, got one that is being recorded or repaired."
            ) from None
        yield
    finally:
        os.close(handle)


def is_locked(folder: Path) -> bool:
    """Return whether the bag is being recorded or repaired."""
    try:
        with locked(folder):
            return False
    except InputError:
        return True


def _custom_data_of(folder: Path) -> dict[str, str]:
    try:
        custom_data = read_metadata(folder)[ROOT_KEY]["custom_data"]
        return {str(key): str(text) for key, text in custom_data.items()}
    except (TypeError, KeyError, AttributeError):
        return {}
