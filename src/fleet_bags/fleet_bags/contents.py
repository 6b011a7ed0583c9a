"""What a file of a bag holds, whether it is finished or was cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mcap.reader import SeekingReader
from mcap.summary import Summary
from mcap.writer import MCAP0_MAGIC

from fleet_bags.bag_file import METADATA_RECORD, PROFILE
from fleet_bags.bag_metadata import NEVER_NS, Part, Topic
from fleet_bags.cut_file import BROKEN, FOOTER, HEAD, CutFile
from fleet_contract.validation import InputError

END_BYTES = HEAD.size + FOOTER.size + len(MCAP0_MAGIC)


@dataclass(frozen=True)
class Contents:
    """Of one file."""

    path: Path
    size: int
    """Bytes."""
    custom_data: dict[str, str]
    """What the recorder said about the run; empty in a file that was cut before that, or is no recorder's."""
    cut: CutFile | None
    """What is known of a file without an end."""
    _summary: Summary

    @property
    def topics(self) -> list[Topic]:
        """In the order in which they were added."""
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
    """Of the file at `path`.

    Raises:
        BadInput: the file cannot be read, or is no MCAP file of ROS 2.
    """
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from None


def _read(path: Path, file: IO[bytes]) -> Contents:
    size = file.seek(0, 2)
    file.seek(0)
    # Zeros are where a loss of power came before the content.
    if not MCAP0_MAGIC.startswith(file.read(len(MCAP0_MAGIC)).rstrip(b"\0")):
        raise InputError(f"{path}: found something else, allowed are MCAP files.")
    reader = _finished(file, size)
    profile: str | None
    if reader:
        try:
            cut, profile, summary = None, reader.get_header().profile, reader.get_summary() or Summary()
            metadata = {record.name: record.metadata for record in reader.iter_metadata()}
        except BROKEN:
            raise _damaged(path) from None
    else:
        cut = CutFile(file)
        profile, summary, metadata = cut.profile, cut.summary, cut.metadata
    if profile not in {PROFILE, None}:
        raise InputError(f"{path}: found the profile {profile!r}, allowed is {PROFILE!r}.")
    custom_data = metadata.get(METADATA_RECORD, {})
    if cut and cut.damaged and not custom_data:
        # Nothing is cut off here; what follows may be a whole run.
        raise _damaged(path)
    return Contents(path, size, custom_data, cut, summary)


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path}: found something else than was written at its beginning, allowed are files that lack their end."
    )


def _finished(file: IO[bytes], size: int) -> SeekingReader | None:
    """A reader of a file that has an end."""
    if size < END_BYTES + len(MCAP0_MAGIC):
        return None
    file.seek(size - len(MCAP0_MAGIC))
    if file.read() != MCAP0_MAGIC:
        return None
    file.seek(0)
    reader = SeekingReader(file)
    try:
        summary = reader.get_summary()
    except BROKEN:
        return None
    return reader if summary and summary.statistics else None
