"""Completes a bag whose recording was interrupted by a kill, a crash, a full disk or a power failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_bags.bag import Bag, locked, read_bag
from fleet_bags.bag_file import BagFile
from fleet_bags.bag_metadata import ROOT_KEY, read_metadata, write_metadata
from fleet_bags.contents import Contents
from fleet_bags.disk import free_bytes, sync_folder
from fleet_bags.incomplete_file import IncompleteFile
from fleet_contract.validation import InputError


@dataclass(frozen=True)
class CompletedFile:
    """A file that was incomplete and is complete now."""

    name: str
    messages: int
    """Number of messages in it."""
    discarded_bytes: int
    """Size of the incomplete or damaged end that was discarded."""


@dataclass(frozen=True)
class Repair:
    """What a repair has changed."""

    completed: tuple[CompletedFile, ...]
    metadata_rewritten: bool
    """Whether metadata.yaml was missing or did not match the files, and was written again."""


def repair(folder: Path) -> Repair:
    """Complete all incomplete files of a bag and write its metadata.yaml; a complete bag is left unchanged.

    A copy of a file is completed and, once it is on the disk, replaces the file. An interrupted repair can be repeated.

    Raises:
        InputError: the folder holds no bag of a fleet, the bag is in use, or the disk has no room for its largest file.
    """
    try:
        with locked(folder):
            for leftover in folder.glob("*.partial"):
                leftover.unlink()
            return restore(folder, in_place=False)
    except OSError as error:
        raise InputError(f"{folder}: cannot be repaired: {error.strerror}.") from None


def restore(folder: Path, custom_data: Mapping[str, str] | None = None, *, in_place: bool) -> Repair:
    """Repair a bag that the caller has locked; see `repair`.

    Args:
        folder: the folder of the bag.
        custom_data: custom data for a bag whose files hold none.
        in_place: truncate each incomplete file and append its end, instead of working on a copy: this is fast, and if it is
            interrupted, the file is still an incomplete one.

    Raises:
        OSError: the disk is full or broken.
        InputError: the folder holds no bag of a fleet, or the disk has no room for its largest file.
    """
    bag = read_bag(folder, custom_data)
    completed = [_complete(file, file.incomplete, bag, in_place=in_place) for file in bag.files if file.incomplete]
    if completed:
        bag = read_bag(folder, custom_data)
    matches = _metadata_matches(bag)
    if not matches:
        write_metadata(folder, bag.metadata())
    return Repair(tuple(completed), metadata_rewritten=not matches)


def _metadata_matches(bag: Bag) -> bool:
    """Return whether metadata.yaml agrees with the files; other details may differ if another program wrote it."""
    try:
        return _comparable(read_metadata(bag.folder)) == _comparable(bag.metadata())
    except (TypeError, KeyError):
        return False


def _comparable(metadata: Any) -> tuple[object, ...]:
    content = metadata[ROOT_KEY]
    counts = {topic["topic_metadata"]["name"]: topic["message_count"] for topic in content["topics_with_message_count"]}
    return content["relative_file_paths"], content["custom_data"], counts


def _complete(file: Contents, incomplete: IncompleteFile, bag: Bag, *, in_place: bool) -> CompletedFile:
    if not file.custom_data:
        _write_empty(file.path, bag)
    elif in_place:
        _append_end(file.path, incomplete)
    else:
        _replace(file, incomplete)
    return CompletedFile(file.path.name, sum(file.part.counts.values()), file.size - incomplete.intact_bytes)


def _replace(file: Contents, incomplete: IncompleteFile) -> None:
    needed, free = file.size + len(incomplete.ending()), free_bytes(file.path.parent)
    if free < needed:
        raise InputError(f"{file.path}: expected {needed} bytes of free disk space for its repair, got {free}.")
    partial = file.path.with_name(file.path.name + ".partial")
    shutil.copyfile(file.path, partial)
    _append_end(partial, incomplete)
    partial.replace(file.path)
    sync_folder(file.path.parent)


def _append_end(path: Path, incomplete: IncompleteFile) -> None:
    """Truncate a file to its intact bytes and append the end; if the disk has no room for it, the file stays truncated."""
    with path.open("r+b") as file:
        file.truncate(incomplete.intact_bytes)
        file.seek(incomplete.intact_bytes)
        try:
            file.write(incomplete.ending())
            file.flush()
        except OSError:
            os.ftruncate(file.fileno(), incomplete.intact_bytes)
            raise
        os.fsync(file.fileno())


def _write_empty(path: Path, bag: Bag) -> None:
    """Replace a file that was cut off before its first message by a complete one without messages."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    empty = BagFile(partial, (), bag.custom_data)
    empty.finish()
    os.fsync(empty.handle)
    empty.close()
    partial.replace(path)
    sync_folder(path.parent)
