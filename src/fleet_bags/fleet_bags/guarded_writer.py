"""Writes a bag until the disk is full, which stops the recording but not the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet_bags.bag_metadata import Topic
from fleet_bags.bag_writer import BagWriter
from fleet_bags.disk import free_bytes
from fleet_contract.fleet import RecordingConfig
from fleet_contract.validation import InputError


class GuardedWriter:
    """A bag writer that never raises OSError: on an error it completes the bag, keeps the reason and ignores further messages.

    Raises:
        InputError: the folder holds something other than a fleet's bag, or the bag is in use.
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
        """Why the recording has stopped; empty while it continues."""
        self.messages = 0
        """Number of messages written so far."""
        self._folder, self._least_free_bytes = folder, limits.least_free_bytes
        self._writer: BagWriter | None = None
        try:
            self._writer = BagWriter(folder, topics, custom_data, limits, now_s=now_s)
        except OSError as error:
            self._stop(error)
        self.check_disk()

    def write(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        """Add a message of one of the topics; both times are since the epoch, ns."""
        if self._writer:
            self.messages += 1
            try:
                self._writer.write(topic, data, received_ns=received_ns, published_ns=published_ns)
            except OSError as error:
                self._stop(error)

    def advance(self, now_s: float) -> None:
        """Pass written messages on, and begin the next file when a limit is reached; call this often."""
        if self._writer:
            try:
                self._writer.advance(now_s)
            except OSError as error:
                self._stop(error)

    def check_disk(self) -> None:
        """Stop the recording while the disk still has room to complete the bag."""
        try:
            free = free_bytes(self._folder) if self._writer else self._least_free_bytes
        except OSError as error:
            self._stop(error)
            return
        if free < self._least_free_bytes:
            self.close()
            self.problem = (
                self.problem
                or f"expected at least {self._least_free_bytes} bytes of free disk space (recording.least_free_bytes), got {free}"
            )

    def close(self) -> None:
        """Complete the bag and wait until it is on the disk."""
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
                self.problem += "; the bag is incomplete: run `./fleet bag repair` when the disk has room"
