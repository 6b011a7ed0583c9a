"""A bag that was cut anywhere is whole after its repair but for its last second; a whole one is left alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
import yaml
from feed import SAID, TOPICS, Feed, read_by_mcap, read_by_rosbags
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin, Writer

from fleet_bags import bag_file
from fleet_bags import repair as repair_module
from fleet_bags.bag import bag_folder, files_of, held, read_bag
from fleet_bags.disk import free_bytes
from fleet_bags.repair import repair, restore
from fleet_contract.fleet import RecordingConfig
from fleet_contract.validation import InputError

LOST_S = 1.0
MEMORY = "/dev/shm"
"""Hundreds of bags, whose syncs are not what is tested."""

words = st.lists(
    st.tuples(
        st.sampled_from([topic.name for topic in TOPICS[:2]]),
        st.integers(0, 300),
        st.sampled_from([0, 0, 0.05, 0.3, 1.2]),
    ),
    max_size=40,
)
limits = st.sampled_from([RecordingConfig(), RecordingConfig(split_bytes=3000), RecordingConfig(split_s=1.0)])


def bag_of(folder, words, limits):
    """A bag of these words; every text is another one."""
    feed = Feed(folder, limits)
    for number, (topic, length, pause_s) in enumerate(words):
        feed.say(topic, f"{number} " + "x" * length)
        if pause_s:
            feed.wait(pause_s)
    feed.close()
    return feed


def cut(feed, part):
    """Leave the bag as it was when this part of all its bytes was written; tell when this was."""
    files = files_of(feed.folder)
    rest, last, kept = int(part * sum(path.stat().st_size for path in files)), "", 0
    for path in files:
        size = path.stat().st_size
        if rest > size or not last:
            last, kept = path.name, min(rest, size)
            os.truncate(path, kept)
        else:
            path.unlink()
        rest -= size
    return next(now_s for now_s, sizes in feed.sizes if sizes.get(last, -1) >= kept)


@settings(max_examples=100)
@given(words, limits, st.floats(0, 1), st.booleans(), st.booleans(), st.sampled_from([200, bag_file.CHUNK_BYTES]))
def test_of_a_bag_that_was_cut_at_any_byte_a_second_is_lost_at_most(
    words, limits, part, in_place, described, chunk_bytes
):
    with tempfile.TemporaryDirectory(dir=MEMORY) as home, mock.patch.object(bag_file, "CHUNK_BYTES", chunk_bytes):
        folder = Path(home) / "bag"
        feed = bag_of(folder, words, limits)
        cut_s = cut(feed, part)
        if not described:
            (folder / "metadata.yaml").unlink()
        restore(folder, SAID, in_place=in_place)
        found = read_by_rosbags(folder)
        assert found == read_by_mcap(folder)
        everything, certain = feed.messages(), feed.messages(cut_s - LOST_S)
        for topic, messages in everything.items():
            kept = found.get(topic, [])
            assert kept == messages[: len(kept)]
            assert len(kept) >= len(certain.get(topic, []))
        assert read_bag(folder).said == SAID
        about = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
        assert about["custom_data"] == SAID
        assert about["message_count"] == sum(map(len, found.values()))
        before = snapshot(folder)
        done = repair(folder)
        assert (done.finished, done.described, snapshot(folder)) == ((), False, before)


def snapshot(folder):
    """Content and age of all files."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


WORDS = [(TOPICS[number % 3].name, 100, 0.1) for number in range(60)]


@pytest.fixture
def feed(tmp_path):
    return bag_of(tmp_path / "bag", WORDS, RecordingConfig(split_s=2.0))


def test_a_whole_bag_is_left_as_it_is(feed):
    before = snapshot(feed.folder)
    done = repair(feed.folder)
    assert (done.finished, done.described) == ((), False)
    assert snapshot(feed.folder) == before


def test_a_whole_bag_of_another_writer_keeps_its_metadata(tmp_path):
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for key, text in SAID.items():
            writer.set_custom_data(key, text)
        writer.add_connection("/fleet/leases", TOPICS[0].type, msgdef=TOPICS[0].definition, rihs01=TOPICS[0].type_hash)
    before = snapshot(tmp_path / "bag")
    assert not repair(tmp_path / "bag").described
    assert snapshot(tmp_path / "bag") == before


def test_a_file_in_the_middle_that_was_cut_is_finished_and_the_others_are_kept(feed):
    files = files_of(feed.folder)
    others = {path: path.read_bytes() for path in files if path.name != "bag_1.mcap"}
    os.truncate(files[1], files[1].stat().st_size * 2 // 3)
    done = repair(feed.folder)
    assert [file.name for file in done.finished] == ["bag_1.mcap"]
    assert {path: path.read_bytes() for path in others} == others
    found = read_by_rosbags(feed.folder)
    assert found == read_by_mcap(feed.folder)
    lost = sum(map(len, feed.messages().values())) - sum(map(len, found.values()))
    assert 0 < lost < 20


@pytest.mark.parametrize("part", [0.0, 0.5])
def test_zeros_that_a_pulled_plug_leaves_in_a_file_are_left_out(feed, part):
    path = files_of(feed.folder)[-1]
    os.truncate(path, int(path.stat().st_size * part))
    with path.open("ab") as file:
        file.write(bytes(5000))
    repair(feed.folder)
    found = read_by_rosbags(feed.folder)
    assert found == read_by_mcap(feed.folder)
    assert all(messages == feed.messages()[topic][: len(messages)] for topic, messages in found.items())


def test_a_chunk_that_is_not_what_was_written_is_left_out_with_all_that_follows(feed):
    path = files_of(feed.folder)[-1]
    content = bytearray(path.read_bytes())[: path.stat().st_size // 2]
    place = content.rindex(b"xxxx")
    content[place] ^= 1
    path.write_bytes(content)
    repair(feed.folder)
    found = read_by_mcap(feed.folder)
    assert all(messages == feed.messages()[topic][: len(messages)] for topic, messages in found.items())


@pytest.mark.parametrize("part", [0.7, 1.0])
def test_a_file_whose_beginning_is_damaged_is_refused_and_left_alone(feed, part):
    path = files_of(feed.folder)[-1]
    content = bytearray(path.read_bytes())
    content[content.index(b"ros2") - 4] = 0xFF
    path.write_bytes(content[: int(len(content) * part)])
    before = snapshot(feed.folder)
    with pytest.raises(InputError, match="found something else than was written at its beginning"):
        repair(feed.folder)
    assert snapshot(feed.folder) == before


@pytest.mark.parametrize("step", ["copyfile", "_end", "sync_folder", "write_metadata"])
def test_a_repair_that_is_cut_can_be_repeated(feed, step):
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


def test_without_room_for_it_nothing_is_changed(feed):
    path = files_of(feed.folder)[-1]
    os.truncate(path, path.stat().st_size * 2 // 3)
    before = snapshot(feed.folder)
    with (
        mock.patch.object(repair_module, "free_bytes", return_value=1000),
        pytest.raises(InputError, match="found 1000 bytes"),
    ):
        repair(feed.folder)
    assert snapshot(feed.folder) == before
    assert free_bytes(feed.folder) > 1000


def test_a_bag_that_is_being_recorded_is_not_repaired(tmp_path):
    feed = Feed(tmp_path / "bag")
    with pytest.raises(InputError, match="is being written"):
        repair(tmp_path / "bag")
    feed.close()
    with held(tmp_path / "bag"):
        pass


def test_a_bag_is_found_by_the_folder_of_its_run(feed):
    assert bag_folder(feed.folder) == bag_folder(feed.folder.parent) == feed.folder


def nothing(folder):
    folder.mkdir()


def sqlite(folder):
    Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3).open()
    (folder / "metadata.yaml").touch()


def foreign(folder):
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
        (nothing, "found no bag, allowed is the folder of a run"),
        (sqlite, "found no MCAP files"),
        (foreign, "found a bag of something else"),
        (text, "found something else, allowed are MCAP files"),
        (no_ros, "found the profile 'other', allowed is 'ros2'"),
    ],
)
def test_what_is_no_bag_of_a_fleet_is_refused_and_left_alone(tmp_path, make, sentence):
    make(tmp_path / "bag")
    before = {path: path.read_bytes() for path in (tmp_path / "bag").iterdir()}
    with pytest.raises(InputError, match=sentence):
        repair(bag_folder(tmp_path / "bag"))
    assert {path: path.read_bytes() for path in (tmp_path / "bag").iterdir()} == before
