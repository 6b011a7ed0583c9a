"""Finishes a bag that was cut: by a kill, a crash, a full disk or a pulled plug."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fleet_bags.bag import Bag, held, read_bag
from fleet_bags.bag_file import BagFile
from fleet_bags.bag_metadata import ROOT_KEY, read_metadata, write_metadata
from fleet_bags.contents import Contents
from fleet_bags.cut_file import CutFile
from fleet_bags.disk import free_bytes, sync_folder
from fleet_contract.validation import InputError


@dataclass(frozen=True)
class Finished:
    """A file that was cut, and has an end now."""

    name: str
    messages: int
    """That are in it."""
    discarded_bytes: int
    """Behind what was whole."""


@dataclass(frozen=True)
class Repair:
    """What was found and done."""

    finished: tuple[Finished, ...]
    described: bool
    """Whether metadata.yaml was missing or said something else, and was written anew."""


def repair(folder: Path) -> Repair:
    """Finish all files of a bag that were cut, and write its metadata.yaml; a whole bag is left as it is.

    A file is finished beside the old one, which it replaces when it is on the disk. A repair that is cut can be repeated.

    Raises:
        BadInput: the folder holds no bag of a fleet, somebody writes it, or the disk has no room for the largest file.
    """
    try:
        with held(folder):
            for leftover in folder.glob("*.partial"):
                leftover.unlink()
            return restore(folder, in_place=False)
    except OSError as error:
        raise InputError(f"{folder}: cannot be repaired: {error.strerror}.") from None


def restore(folder: Path, custom_data: Mapping[str, str] | None = None, *, in_place: bool) -> Repair:
    """What `repair` does, for who holds the bag already.

    Args:
        folder: of the bag.
        custom_data: about the run, where it is known.
        in_place: cut off what is not whole, and write the end behind the rest: at once, and whenever it is interrupted, the
            file is a cut one still.

    Raises:
        OSError: the disk does not take it.
        BadInput: as `repair` does.
    """
    bag = read_bag(folder, custom_data)
    finished = [_finish(file, file.cut, bag, in_place=in_place) for file in bag.files if file.cut]
    if finished:
        bag = read_bag(folder, custom_data)
    described = not _is_described(bag)
    if described:
        write_metadata(folder, bag.metadata())
    return Repair(tuple(finished), described)


def _is_described(bag: Bag) -> bool:
    """Whether metadata.yaml says what there is; in its own words, if somebody else wrote it."""
    try:
        return _essence(read_metadata(bag.folder)) == _essence(bag.metadata())
    except (TypeError, KeyError):
        return False


def _essence(metadata: Any) -> tuple[object, ...]:
    about = metadata[ROOT_KEY]
    counts = {topic["topic_metadata"]["name"]: topic["message_count"] for topic in about["topics_with_message_count"]}
    return about["relative_file_paths"], about["custom_data"], counts


def _finish(file: Contents, cut: CutFile, bag: Bag, *, in_place: bool) -> Finished:
    if not file.custom_data:
        _write_empty(file.path, bag)
    elif in_place:
        with file.path.open("r+b") as target:
            target.truncate(cut.whole)
            _end(target, cut)
    else:
        _replace(file, cut)
    return Finished(file.path.name, sum(file.part.counts.values()), file.size - cut.whole)


def _replace(file: Contents, cut: CutFile) -> None:
    needed, free = file.size + len(cut.ending()), free_bytes(file.path.parent)
    if free < needed:
        raise InputError(f"{file.path}: found {free} bytes of free disk, allowed are at least {needed} for its repair.")
    partial = file.path.with_name(file.path.name + ".partial")
    shutil.copyfile(file.path, partial)
    with partial.open("r+b") as target:
        target.truncate(cut.whole)
        _end(target, cut)
    partial.replace(file.path)
    sync_folder(file.path.parent)


def _end(target: IO[bytes], cut: CutFile) -> None:
    """Write the end behind what is whole; without room for it the file ends there."""
    target.seek(cut.whole)
    try:
        target.write(cut.ending())
        target.flush()
    except OSError:
        os.ftruncate(target.fileno(), cut.whole)
        raise
    os.fsync(target.fileno())


def _write_empty(path: Path, bag: Bag) -> None:
    """In the place of a file that was cut before it held anything."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    empty = BagFile(partial, (), bag.custom_data)
    empty.finish()
    os.fsync(empty.handle)
    empty.close()
    partial.replace(path)
    sync_folder(path.parent)
