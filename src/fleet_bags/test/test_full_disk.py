"""A full or nearly full disk stops only the recording, and the bag is completed."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import replace

import pytest
from feed import BEGIN_NS, CUSTOM_DATA, KIND, STORE, TOPICS, read_by_mcap, read_by_rosbags

from fleet_bags.bag import files_of
from fleet_bags.guarded_writer import GuardedWriter
from fleet_bags.repair import repair
from fleet_contract.fleet import RecordingConfig

DISK_BYTES = 8 << 20
TOPIC = TOPICS[0].name


@pytest.fixture
def small_disk(tmp_path):
    """Mount a small file system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", disk]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a disk that can be filled needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def record(disk, limits, megabytes, waits=True):
    """Write messages of 100 kB; return the writer and how many messages it took before its problem."""
    writer = GuardedWriter(disk / "bag", TOPICS, CUSTOM_DATA, limits, now_s=0.0)
    data = bytes(STORE.serialize_cdr(STORE.types[KIND](data="x" * 100_000), KIND))
    taken = 0
    for number in range(megabytes * 10):
        writer.write(TOPIC, data, received_ns=BEGIN_NS + number, published_ns=BEGIN_NS)
        taken += not writer.problem
        writer.advance(number * 0.05 if waits else 0.0)
        writer.check_disk()
    writer.write(TOPIC, data, received_ns=BEGIN_NS, published_ns=BEGIN_NS)
    writer.close()
    return writer, taken


@pytest.mark.parametrize("waits", [True, False])
def test_on_a_full_disk_the_bag_is_completed_with_its_intact_messages(small_disk, waits):
    """Chunks are ended by time or by size."""
    writer, taken = record(small_disk, RecordingConfig(least_free_bytes=0), megabytes=20, waits=waits)
    assert writer.problem == "No space left on device"
    found = read_by_rosbags(small_disk / "bag")
    assert found == read_by_mcap(small_disk / "bag")
    assert 0 < taken - len(found[TOPIC]) <= (10 if waits else 45)
    assert repair(small_disk / "bag").completed == ()


def test_on_a_nearly_full_disk_the_bag_holds_all_messages(small_disk):
    writer, taken = record(small_disk, RecordingConfig(least_free_bytes=3 << 20), megabytes=20)
    assert "expected at least 3145728 bytes of free disk space" in writer.problem
    assert len(read_by_rosbags(small_disk / "bag")[TOPIC]) == taken == writer.messages
    assert 30 < taken < 70


def fill(disk):
    """Fill the disk to the last byte."""
    with (disk / "other").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_disk_that_is_full_from_the_start_is_reported(small_disk):
    fill(small_disk)
    writer, taken = record(small_disk, RecordingConfig(least_free_bytes=0), megabytes=1)
    assert (writer.problem, taken) == ("No space left on device", 0)


def test_without_room_for_its_end_the_bag_is_repaired_later(small_disk):
    topics = [replace(TOPICS[0], name=f"/robot_{number}/status") for number in range(100)]
    writer = GuardedWriter(small_disk / "bag", topics, CUSTOM_DATA, RecordingConfig(least_free_bytes=0), now_s=0.0)
    data = bytes(STORE.serialize_cdr(STORE.types[KIND](data="x"), KIND))
    writer.write(topics[0].name, data, received_ns=BEGIN_NS, published_ns=BEGIN_NS)
    writer.advance(1.0)
    fill(small_disk)
    writer.close()
    assert "./fleet bag repair" in writer.problem
    (small_disk / "other").unlink()
    assert [file.name for file in repair(small_disk / "bag").completed] == ["bag_0.mcap"]
    assert read_by_rosbags(small_disk / "bag") == {topics[0].name: [(BEGIN_NS, "x")]}


def test_a_missing_folder_stops_only_the_recording(tmp_path):
    writer = GuardedWriter(tmp_path / "none" / "bag", TOPICS, CUSTOM_DATA, RecordingConfig(), now_s=0.0)
    assert writer.problem == "No such file or directory"
    writer.write(TOPIC, b"", received_ns=0, published_ns=0)
    writer.advance(1.0)
    writer.close()
    assert files_of(tmp_path) == []
