"""Writes a rosbag2 bag that loses at most its last second if the process is killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from fleet_bags.bag import files_of, locked, number_of, read_bag
from fleet_bags.bag_file import BagFile
from fleet_bags.bag_metadata import Part, Topic, metadata, write_metadata
from fleet_bags.repair import restore
from fleet_contract.fleet import RecordingConfig

CHUNK_S = 0.4
"""Time after which messages are passed to the operating system and then to the disk, s."""


class BagWriter:
    """Writes messages of known topics; splits files by size and time; repairs an existing bag and continues in a new file.

    Messages are passed to the operating system after CHUNK_S, from when on they survive the death of this process. A thread
    then syncs them to the disk, where they survive a power failure. The bag is locked while it is open.

    Raises:
        OSError: the disk is full or broken. Every method can raise it; afterwards only `rescue` may be called.
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
        """Open the bag; `now_s` is the time of a steady clock, here and in `advance`."""
        self._folder, self._custom_data, self._limits = folder, dict(custom_data), limits
        self._parts: list[Part] = []
        self._newest_ns: dict[str, int] = {}
        self._topics = {topic.name: topic for topic in topics}
        self._file_number = 0
        self._jobs: list[Future[None]] = []
        self._opened_s = self._chunk_ended_s = now_s
        self._unsynced = False
        folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(locked(folder))
            if files_of(folder):
                self._resume()
            self._disk = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="disk"))
            self._open(now_s)
            self._resources = stack.pop_all()

    def write(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        """Add a message of one of the topics; both times are since the epoch, ns.

        Readers sort messages by the time of receipt. A message that was sent again is delivered in order, but received after its
        successor: that gets the same time, so that no topic is read in another order than it was written.
        """
        self._newest_ns[topic] = max(received_ns, self._newest_ns.get(topic, received_ns))
        self._file.write(topic, data, self._newest_ns[topic], published_ns)

    def advance(self, now_s: float) -> None:
        """Pass written messages on, and begin the next file when a limit is reached; call this often."""
        self._raise_disk_errors()
        if now_s - self._chunk_ended_s >= CHUNK_S:
            self._chunk_ended_s = now_s
            self._unsynced |= self._file.end_chunk()
        if self._unsynced and not self._jobs:
            self._unsynced = False
            self._submit(os.fdatasync, self._file.handle)
        full = self._file.size >= self._limits.split_bytes or now_s - self._opened_s >= self._limits.split_s
        if full and self._file.part.counts:
            self._finish_file()
            self._open(now_s)

    def close(self) -> None:
        """Complete the bag and wait until it is on the disk."""
        self._finish_file()
        self._write_metadata(self._parts)
        self._disk.shutdown()
        self._raise_disk_errors()
        self._resources.close()

    def rescue(self) -> None:
        """Complete the bag after an OSError, with the messages that were written before it.

        Raises:
            OSError: the disk has no room for this; the bag must be repaired when it has.
        """
        self._disk.shutdown(cancel_futures=True)
        self._file.close()
        with self._resources:
            restore(self._folder, self._custom_data, in_place=True)

    def _resume(self) -> None:
        """Repair and continue the bag of an earlier recorder."""
        restore(self._folder, self._custom_data, in_place=True)
        bag = read_bag(self._folder, self._custom_data)
        self._custom_data, self._parts = dict(bag.custom_data), bag.parts
        self._topics = {topic.name: topic for topic in bag.topics} | self._topics
        self._file_number = 1 + max(number_of(file.path) for file in bag.files)

    def _open(self, now_s: float) -> None:
        path = self._folder / f"{self._folder.name}_{self._file_number}.mcap"
        self._file = BagFile(path, list(self._topics.values()), self._custom_data)
        self._file_number += 1
        self._opened_s = self._chunk_ended_s = now_s
        self._unsynced = True
        self._write_metadata([*self._parts, self._file.part])

    def _finish_file(self) -> None:
        self._file.finish()
        self._parts.append(self._file.part)
        self._submit(_sync_and_close, self._file)

    def _write_metadata(self, parts: Sequence[Part]) -> None:
        self._submit(write_metadata, self._folder, metadata(parts, list(self._topics.values()), self._custom_data))

    def _submit(self, job: Callable[..., None], *arguments: object) -> None:
        self._jobs.append(self._disk.submit(job, *arguments))

    def _raise_disk_errors(self) -> None:
        done = [job for job in self._jobs if job.done()]
        self._jobs = [job for job in self._jobs if job not in done]
        for job in done:
            job.result()


def _sync_and_close(file: BagFile) -> None:
    os.fsync(file.handle)
    file.close()
