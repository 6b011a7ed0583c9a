"""Reads the contents of a bag's file, complete or incomplete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mcap.reader import SeekingReader
from mcap.summary import Summary
from mcap.writer import MCAP0_MAGIC

from fleet_bags.bag_file import METADATA_RECORD, PROFILE
from fleet_bags.bag_metadata import NEVER_NS, Part, Topic
from fleet_bags.incomplete_file import FOOTER, HEAD, READ_ERRORS, IncompleteFile
from fleet_contract.validation import InputError

END_BYTES = HEAD.size + FOOTER.size + len(MCAP0_MAGIC)


@dataclass(frozen=True)
class Contents:
    """The contents of one file."""

    path: Path
    size: int
    """Size of the file, bytes."""
    custom_data: dict[str, str]
    """What the recorder wrote about the run; empty in a file that was cut off before it, or not written by a recorder."""
    incomplete: IncompleteFile | None
    """What could be read of a file without a summary; None for a complete file."""
    _summary: Summary

    @property
    def topics(self) -> list[Topic]:
        """The topics in the order in which they were added."""
        channels, schemas = self._summary.channels.values(), self._summary.schemas
        return [
            Topic(
                name=channel.topic,
                type=schemas[channel.schema_id].name,
                definition=schemas[channel.schema_id].data.decode(),
                type_hash=channel.metadata.get("topic_type_hash", ""),
                qos=channel.metadata.get("offered_qos_profiles", ""),
            )
            for channel in channels
        ]

    @property
    def part(self) -> Part:
        """The file as a part of its bag."""
        statistics, channels = self._summary.statistics, self._summary.channels
        if not statistics or not statistics.message_count:
            return Part(self.path.name, NEVER_NS, 0, {})
        counts = {channels[number].topic: count for number, count in statistics.channel_message_counts.items()}
        return Part(self.path.name, statistics.message_start_time, statistics.message_end_time, counts)


def read_contents(path: Path) -> Contents:
    """Return the contents of a file.

    Raises:
        InputError: the file cannot be read, or is not an MCAP file of ROS 2.
    """
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from None


def _read(path: Path, file: IO[bytes]) -> Contents:
    size = file.seek(0, 2)
    file.seek(0)
    # After a power failure there can be zeros instead of the content.
    if not MCAP0_MAGIC.startswith(file.read(len(MCAP0_MAGIC)).rstrip(b"\0")):
        raise InputError(f"{path}: expected an MCAP file, got a file of another format.")
    reader = _complete(file, size)
    profile: str | None
    if reader:
        try:
            incomplete, profile, summary = None, reader.get_header().profile, reader.get_summary() or Summary()
            metadata = {record.name: record.metadata for record in reader.iter_metadata()}
        except READ_ERRORS:
            raise _damaged(path) from None
    else:
        incomplete = IncompleteFile(file)
        profile, summary, metadata = incomplete.profile, incomplete.summary, incomplete.metadata
    if profile not in {PROFILE, None}:
        raise InputError(f"{path}: profile: expected {PROFILE!r}, got {profile!r}.")
    custom_data = metadata.get(METADATA_RECORD, {})
    if incomplete and incomplete.damaged and not custom_data:
        # The damage is at the start: a repair would discard what may be a whole run.
        raise _damaged(path)
    return Contents(path, size, custom_data, incomplete, summary)


def _damaged(path: Path) -> InputError:
    return InputError(f"{path}: expected a file that lacks at most its end, got one that is damaged at its start.")


def _complete(file: IO[bytes], size: int) -> SeekingReader | None:
    """Return a reader of a file that has a summary, else None."""
    if size < END_BYTES + len(MCAP0_MAGIC):
        return None
    file.seek(size - len(MCAP0_MAGIC))
    if file.read() != MCAP0_MAGIC:
        return None
    file.seek(0)
    reader = SeekingReader(file)
    try:
        summary = reader.get_summary()
    except READ_ERRORS:
        return None
    return reader if summary and summary.statistics else None
