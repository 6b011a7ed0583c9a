"""Writes a bag as long as the disk lets it; a full disk stops the recording, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet_bags.bag_metadata import Topic
from fleet_bags.bag_writer import BagWriter
from fleet_bags.disk import free_bytes
from fleet_contract.fleet import RecordingConfig
from fleet_contract.validation import InputError


class GuardedWriter:
    """A bag writer that never raises OSError: it finishes the bag, says what was the matter, and takes nothing any more.

    Raises:
        BadInput: the folder holds something else, or somebody else holds it.
    """

    def __init__(
        self,
        folder: Path,
        topics: Sequence[Topic],
        custom_data: Mapping[str, str],
        limits: RecordingConfig,
        *,
        now_s: float,
    ) -> None:
        self.problem = ""
        """Why nothing is recorded any more; empty while it is."""
        self.messages = 0
        """Written since the beginning."""
        self._folder, self._least = folder, limits.least_free_bytes
        self._writer: BagWriter | None = None
        try:
            self._writer = BagWriter(folder, topics, custom_data, limits, now_s=now_s)
        except OSError as error:
            self._stop(error)
        self.look_at_disk()

    def write(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        """As `BagWriter.write`."""
        if self._writer:
            self.messages += 1
            try:
                self._writer.write(topic, data, received_ns=received_ns, published_ns=published_ns)
            except OSError as error:
                self._stop(error)

    def advance(self, now_s: float) -> None:
        """As `BagWriter.advance`."""
        if self._writer:
            try:
                self._writer.advance(now_s)
            except OSError as error:
                self._stop(error)

    def look_at_disk(self) -> None:
        """Stop while there is room for a proper end."""
        try:
            free = free_bytes(self._folder) if self._writer else self._least
        except OSError as error:
            self._stop(error)
            return
        if free < self._least:
            self.close()
            self.problem = self.problem or f"{free} bytes of disk are free, and {self._least} must be"

    def close(self) -> None:
        """As `BagWriter.close`."""
        if self._writer:
            try:
                self._writer.close()
            except OSError as error:
                self._stop(error)
            self._writer = None

    def _stop(self, error: OSError) -> None:
        self.problem = str(error.strerror)
        writer, self._writer = self._writer, None
        if writer:
            try:
                writer.rescue()
            except (OSError, InputError):
                self.problem += "; the bag has no end, which `./fleet bag repair` makes when there is room"
