"""A folder with a bag in it, as it is on the disk."""

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
"""What every recorder has said about its run."""


@dataclass(frozen=True)
class Bag:
    """What the files of a bag hold."""

    folder: Path
    files: tuple[Contents, ...]
    """In the order in which they were written."""
    custom_data: Mapping[str, str]
    """What the recorder said about the run."""

    @property
    def parts(self) -> list[Part]:
        """What is in the files."""
        return [file.part for file in self.files]

    @property
    def topics(self) -> list[Topic]:
        """Of all files, in the order in which they were added."""
        return list({topic.name: topic for file in self.files for topic in file.topics}.values())

    def metadata(self) -> dict[str, Any]:
        """What metadata.yaml must say."""
        return metadata(self.parts, self.topics, self.custom_data)


def bag_folder(path: Path) -> Path:
    """The folder of the bag that is meant by a run's folder or a bag's.

    Raises:
        BadInput: there is no bag.
    """
    for folder in (path, path / "bag"):
        if folder.is_dir() and (files_of(folder) or (folder / "metadata.yaml").exists()):
            return folder
    raise InputError(f"{path}: found no bag, allowed is the folder of a run that was recorded, or of its bag.")


def read_bag(folder: Path, custom_data: Mapping[str, str] | None = None) -> Bag:
    """The bag in a folder.

    Args:
        folder: of the bag.
        custom_data: about the run; where this is not known, it must be in the bag.

    Raises:
        BadInput: it is empty, or no recorder of a fleet has written it.
    """
    files = tuple(read_contents(path) for path in files_of(folder))
    if not files:
        raise InputError(f"{folder}: found no MCAP files, allowed is a bag with at least one.")
    custom_data = (
        next((file.custom_data for file in files if file.custom_data), None) or custom_data or _custom_data_of(folder)
    )
    if not custom_data.keys() >= REQUIRED_KEYS:
        raise InputError(f"{folder}: found a bag of something else, allowed are those that a fleet's recorder wrote.")
    return Bag(folder, files, custom_data)


def files_of(folder: Path) -> list[Path]:
    """The bag's files, in the order in which they were written."""
    return sorted(folder.glob("*.mcap"), key=number_of)


def number_of(file: Path) -> int:
    """The number in a file's name, -1 if there is none."""
    found = NUMBER.search(file.stem)
    return int(found[1]) if found else -1


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other recorders and repairs away from a bag; the system does it until the process ends.

    Raises:
        BadInput: somebody else holds it.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: is being written, allowed is a bag that nobody records or repairs.") from None
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Whether somebody records or repairs the bag."""
    try:
        with held(folder):
            return False
    except InputError:
        return True


def _custom_data_of(folder: Path) -> dict[str, str]:
    try:
        custom_data = read_metadata(folder)[ROOT_KEY]["custom_data"]
        return {str(key): str(text) for key, text in custom_data.items()}
    except (TypeError, KeyError, AttributeError):
        return {}
