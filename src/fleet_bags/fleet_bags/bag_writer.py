"""A rosbag2 folder that is complete at every moment but for its last second, whatever happens to who writes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from fleet_bags.bag import files_of, held, number_of, read_bag
from fleet_bags.bag_file import BagFile
from fleet_bags.bag_metadata import Part, Topic, metadata, write_metadata
from fleet_bags.repair import restore
from fleet_contract.fleet import RecordingConfig

CHUNK_S = 0.4
"""After which what was written is handed to the system, and from there to the disk."""


class BagWriter:
    """Writes messages of known topics; splits by size and by time; repairs a bag that is there and goes on in its next file.

    What was written CHUNK_S ago is with the system, and survives this process. A thread waits until the disk has it as well,
    and what the disk has survives a loss of power. Nobody else writes or repairs the bag meanwhile.

    Raises, as all its methods do:
        OSError: the disk does not take it; after that only `rescue` may be called.
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
        """`now_s` is of any clock that only goes forward, here and in `advance`."""
        self._folder, self._custom_data, self._limits = folder, dict(custom_data), limits
        self._parts: list[Part] = []
        self._topics = {topic.name: topic for topic in topics}
        self._number = 0
        self._jobs: list[Future[None]] = []
        self._opened_s = self._ended_chunk_s = now_s
        self._unsynced = False
        folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(held(folder))
            if files_of(folder):
                self._take_up()
            self._disk = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="disk"))
            self._open(now_s)
            self._holding = stack.pop_all()

    def write(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        """Add a message of one of the topics; times since the epoch."""
        self._file.write(topic, data, received_ns, published_ns)

    def advance(self, now_s: float) -> None:
        """Time has passed: hand on what was written, and begin the next file when its time has come."""
        self._settle()
        if now_s - self._ended_chunk_s >= CHUNK_S:
            self._ended_chunk_s = now_s
            self._unsynced |= self._file.end_chunk()
        if self._unsynced and not self._jobs:
            self._unsynced = False
            self._submit(os.fdatasync, self._file.handle)
        full = self._file.size >= self._limits.split_bytes or now_s - self._opened_s >= self._limits.split_s
        if full and self._file.part.counts:
            self._finish_file()
            self._open(now_s)

    def close(self) -> None:
        """Finish the bag, and wait until the disk has it."""
        self._finish_file()
        self._describe(self._parts)
        self._disk.shutdown()
        self._settle()
        self._holding.close()

    def rescue(self) -> None:
        """After an OSError: finish what is whole, if the disk has room for that.

        Raises:
            OSError: it has none, and the bag must be repaired when it has.
        """
        self._disk.shutdown(cancel_futures=True)
        self._file.close()
        with self._holding:
            restore(self._folder, self._custom_data, in_place=True)

    def _take_up(self) -> None:
        """Go on with what an earlier recorder has left."""
        restore(self._folder, self._custom_data, in_place=True)
        bag = read_bag(self._folder, self._custom_data)
        self._custom_data, self._parts = dict(bag.custom_data), bag.parts
        self._topics = {topic.name: topic for topic in bag.topics} | self._topics
        self._number = 1 + max(number_of(file.path) for file in bag.files)

    def _open(self, now_s: float) -> None:
        path = self._folder / f"{self._folder.name}_{self._number}.mcap"
        self._file = BagFile(path, list(self._topics.values()), self._custom_data)
        self._number += 1
        self._opened_s = self._ended_chunk_s = now_s
        self._unsynced = True
        self._describe([*self._parts, self._file.part])

    def _finish_file(self) -> None:
        self._file.finish()
        self._parts.append(self._file.part)
        self._submit(_sync_and_close, self._file)

    def _describe(self, parts: Sequence[Part]) -> None:
        self._submit(write_metadata, self._folder, metadata(parts, list(self._topics.values()), self._custom_data))

    def _submit(self, job: Callable[..., None], *arguments: object) -> None:
        self._jobs.append(self._disk.submit(job, *arguments))

    def _settle(self) -> None:
        """Raise what went wrong on the disk."""
        done = [job for job in self._jobs if job.done()]
        self._jobs = [job for job in self._jobs if job not in done]
        for job in done:
            job.result()


def _sync_and_close(file: BagFile) -> None:
    os.fsync(file.handle)
    file.close()
