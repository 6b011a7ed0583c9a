"""A bag that was cut off at any byte loses at most its last second in the repair; a complete bag is unchanged."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
import yaml
from feed import CUSTOM_DATA, TOPICS, Feed, read_by_mcap, read_by_rosbags
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin, Writer

from fleet_bags import bag_file
from fleet_bags import repair as repair_module
from fleet_bags.bag import bag_folder, files_of, locked, read_bag
from fleet_bags.disk import free_bytes
from fleet_bags.repair import repair, restore
from fleet_contract.fleet import RecordingConfig
from fleet_contract.validation import InputError

LOST_S = 1.0
MEMORY = "/dev/shm"
"""A file system in memory, because syncing hundreds of bags takes long and is not tested here."""

writes = st.lists(
    st.tuples(
        st.sampled_from([topic.name for topic in TOPICS[:2]]),
        st.integers(0, 300),
        st.sampled_from([0, 0, 0.05, 0.3, 1.2]),
    ),
    max_size=40,
)
limits = st.sampled_from([RecordingConfig(), RecordingConfig(split_bytes=3000), RecordingConfig(split_s=1.0)])


def bag_of(folder, writes, limits):
    """Write a bag of messages with these topics, lengths and pauses; every text is unique."""
    feed = Feed(folder, limits)
    for number, (topic, length, pause_s) in enumerate(writes):
        feed.write(topic, f"{number} " + "x" * length)
        if pause_s:
            feed.wait(pause_s)
    feed.close()
    return feed


def cut(feed, fraction):
    """Cut the bag off after this fraction of its bytes; return the time at which they had been written."""
    files = files_of(feed.folder)
    rest, last, remaining = int(fraction * sum(path.stat().st_size for path in files)), "", 0
    for path in files:
        size = path.stat().st_size
        if rest > size or not last:
            last, remaining = path.name, min(rest, size)
            os.truncate(path, remaining)
        else:
            path.unlink()
        rest -= size
    return next(now_s for now_s, sizes in feed.sizes if sizes.get(last, -1) >= remaining)


@settings(max_examples=100)
@given(writes, limits, st.floats(0, 1), st.booleans(), st.booleans(), st.sampled_from([200, bag_file.CHUNK_BYTES]))
def test_a_bag_that_is_cut_off_at_any_byte_loses_at_most_a_second(
    writes, limits, fraction, in_place, has_metadata, chunk_bytes
):
    with tempfile.TemporaryDirectory(dir=MEMORY) as home, mock.patch.object(bag_file, "CHUNK_BYTES", chunk_bytes):
        folder = Path(home) / "bag"
        feed = bag_of(folder, writes, limits)
        cut_s = cut(feed, fraction)
        if not has_metadata:
            (folder / "metadata.yaml").unlink()
        restore(folder, CUSTOM_DATA, in_place=in_place)
        found = read_by_rosbags(folder)
        assert found == read_by_mcap(folder)
        everything, certain = feed.messages(), feed.messages(cut_s - LOST_S)
        for topic, messages in everything.items():
            remaining = found.get(topic, [])
            assert remaining == messages[: len(remaining)]
            assert len(remaining) >= len(certain.get(topic, []))
        assert read_bag(folder).custom_data == CUSTOM_DATA
        information = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
        assert information["custom_data"] == CUSTOM_DATA
        assert information["message_count"] == sum(map(len, found.values()))
        before = snapshot(folder)
        done = repair(folder)
        assert (done.completed, done.metadata_rewritten, snapshot(folder)) == ((), False, before)


def snapshot(folder):
    """Return content, modification time and inode of all files."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


WRITES = [(TOPICS[number % 3].name, 100, 0.1) for number in range(60)]


@pytest.fixture
def feed(tmp_path):
    return bag_of(tmp_path / "bag", WRITES, RecordingConfig(split_s=2.0))


def test_a_complete_bag_is_unchanged(feed):
    before = snapshot(feed.folder)
    done = repair(feed.folder)
    assert (done.completed, done.metadata_rewritten) == ((), False)
    assert snapshot(feed.folder) == before


def test_a_complete_bag_of_another_writer_keeps_its_metadata(tmp_path):
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for key, text in CUSTOM_DATA.items():
            writer.set_custom_data(key, text)
        writer.add_connection("/fleet/leases", TOPICS[0].type, msgdef=TOPICS[0].definition, rihs01=TOPICS[0].type_hash)
    before = snapshot(tmp_path / "bag")
    assert not repair(tmp_path / "bag").metadata_rewritten
    assert snapshot(tmp_path / "bag") == before


def test_an_incomplete_file_in_the_middle_is_completed_and_the_others_are_unchanged(feed):
    files = files_of(feed.folder)
    others = {path: path.read_bytes() for path in files if path.name != "bag_1.mcap"}
    os.truncate(files[1], files[1].stat().st_size * 2 // 3)
    done = repair(feed.folder)
    assert [file.name for file in done.completed] == ["bag_1.mcap"]
    assert {path: path.read_bytes() for path in others} == others
    found = read_by_rosbags(feed.folder)
    assert found == read_by_mcap(feed.folder)
    lost = sum(map(len, feed.messages().values())) - sum(map(len, found.values()))
    assert 0 < lost < 20


@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_zeros_after_a_power_failure_are_discarded(feed, fraction):
    path = files_of(feed.folder)[-1]
    os.truncate(path, int(path.stat().st_size * fraction))
    with path.open("ab") as file:
        file.write(bytes(5000))
    repair(feed.folder)
    found = read_by_rosbags(feed.folder)
    assert found == read_by_mcap(feed.folder)
    assert all(messages == feed.messages()[topic][: len(messages)] for topic, messages in found.items())


def test_a_damaged_chunk_is_discarded_with_everything_after_it(feed):
    path = files_of(feed.folder)[-1]
    content = bytearray(path.read_bytes())[: path.stat().st_size // 2]
    place = content.rindex(b"xxxx")
    content[place] ^= 1
    path.write_bytes(content)
    repair(feed.folder)
    found = read_by_mcap(feed.folder)
    assert all(messages == feed.messages()[topic][: len(messages)] for topic, messages in found.items())


@pytest.mark.parametrize("fraction", [0.7, 1.0])
def test_a_file_that_is_damaged_at_its_start_is_refused_and_unchanged(feed, fraction):
    path = files_of(feed.folder)[-1]
    content = bytearray(path.read_bytes())
    content[content.index(b"ros2") - 4] = 0xFF
    path.write_bytes(content[: int(len(content) * fraction)])
    before = snapshot(feed.folder)
    with pytest.raises(InputError, match="damaged at its start"):
        repair(feed.folder)
    assert snapshot(feed.folder) == before


@pytest.mark.parametrize("step", ["copyfile", "_append_end", "sync_folder", "write_metadata"])
def test_an_interrupted_repair_can_be_repeated(feed, step):
    path = files_of(feed.folder)[-1]
    os.truncate(path, path.stat().st_size * 2 // 3)
    owner = shutil if step == "copyfile" else repair_module
    with mock.patch.object(owner, step, side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        repair(feed.folder)
    repair(feed.folder)
    found = read_by_rosbags(feed.folder)
    assert found == read_by_mcap(feed.folder)
    assert sum(map(len, found.values())) > 40
    assert not list(feed.folder.glob("*.partial"))


def test_without_room_for_the_repair_nothing_is_changed(feed):
    path = files_of(feed.folder)[-1]
    os.truncate(path, path.stat().st_size * 2 // 3)
    before = snapshot(feed.folder)
    with (
        mock.patch.object(repair_module, "free_bytes", return_value=1000),
        pytest.raises(InputError, match="got 1000"),
    ):
        repair(feed.folder)
    assert snapshot(feed.folder) == before
    assert free_bytes(feed.folder) > 1000


def test_a_bag_that_is_being_recorded_is_not_repaired(tmp_path):
    feed = Feed(tmp_path / "bag")
    with pytest.raises(InputError, match="is being recorded or repaired"):
        repair(tmp_path / "bag")
    feed.close()
    with locked(tmp_path / "bag"):
        pass


def test_a_bag_is_found_in_the_folder_of_its_run(feed):
    assert bag_folder(feed.folder) == bag_folder(feed.folder.parent) == feed.folder


def nothing(folder):
    folder.mkdir()


def sqlite(folder):
    Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3).open()
    (folder / "metadata.yaml").touch()


def another_bag(folder):
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP):
        pass


def text(folder):
    folder.mkdir()
    (folder / "bag_0.mcap").write_text("a text that is no recording")


def no_ros(folder):
    from mcap.writer import Writer as McapWriter

    folder.mkdir()
    with (folder / "bag_0.mcap").open("wb") as file:
        writer = McapWriter(file)
        writer.start("other")
        writer.finish()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (nothing, "expected the folder of a recorded run or of its bag"),
        (sqlite, "expected a bag with at least one MCAP file"),
        (another_bag, "expected a bag that a fleet's recorder wrote"),
        (text, "expected an MCAP file"),
        (no_ros, "profile: expected 'ros2', got 'other'"),
    ],
)
def test_a_folder_without_a_fleets_bag_is_refused_and_unchanged(tmp_path, make, sentence):
    make(tmp_path / "bag")
    before = {path: path.read_bytes() for path in (tmp_path / "bag").iterdir()}
    with pytest.raises(InputError, match=sentence):
        repair(bag_folder(tmp_path / "bag"))
    assert {path: path.read_bytes() for path in (tmp_path / "bag").iterdir()} == before
