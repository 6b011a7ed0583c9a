"""Bags follow rosbag2: every reader finds every message, files are split, and metadata.yaml is always up to date."""

from __future__ import annotations

import time

import numpy as np
import pytest
import yaml
from feed import BEGIN_NS, CUSTOM_DATA, KIND, STORE, TOPICS, Feed, read_by_mcap, read_by_rosbags
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer

from fleet_bags.bag import files_of
from fleet_bags.bag_writer import BagWriter
from fleet_contract.fleet import RecordingConfig
from fleet_contract.validation import InputError

PATIENCE_S = 20.0
READERS = [read_by_rosbags, read_by_mcap]


def information(folder):
    return yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]


def write_rounds(feed, rounds, pause_s=0.1):
    for number in range(rounds):
        for topic in TOPICS[:2]:
            feed.write(topic.name, f"{number} " + "x" * 100)
        feed.wait(pause_s)


@pytest.mark.parametrize("read", READERS)
def test_every_message_is_read_as_it_was_written(tmp_path, read):
    feed = Feed(tmp_path / "bag")
    write_rounds(feed, 30)
    feed.close()
    assert read(tmp_path / "bag") == feed.messages()


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("limits", [RecordingConfig(), RecordingConfig(split_s=1.0)])
def test_messages_that_were_sent_again_are_read_in_their_order(tmp_path, read, limits):
    """They are delivered in order, but their times of receipt are not in order."""
    feed, texts = Feed(tmp_path / "bag", limits), {topic.name: [] for topic in TOPICS[:2]}
    rng = np.random.default_rng(0)
    for number in range(60):
        for topic, written in texts.items():
            data = bytes(STORE.serialize_cdr(STORE.types[KIND](data=str(number)), KIND))
            late_ns = int(rng.integers(0, 3 * 10**8))
            received_ns = BEGIN_NS + int(feed.now_s * 1e9) - late_ns
            feed.writer.write(topic, data, received_ns=received_ns, published_ns=BEGIN_NS)
            written.append(str(number))
        feed.wait(0.1)
    feed.close()
    found = read(tmp_path / "bag")
    assert {topic: [text for _, text in messages] for topic, messages in found.items()} == texts
    for messages in found.values():
        times_ns = [received_ns for received_ns, _ in messages]
        assert times_ns == sorted(times_ns)


def test_a_bag_without_messages_can_be_read(tmp_path):
    Feed(tmp_path / "bag").close()
    assert read_by_rosbags(tmp_path / "bag") == read_by_mcap(tmp_path / "bag") == {}
    assert [
        topic["topic_metadata"]["name"] for topic in information(tmp_path / "bag")["topics_with_message_count"]
    ] == [topic.name for topic in TOPICS]


@pytest.mark.parametrize(
    ("limits", "files"),
    [(RecordingConfig(split_s=1.0), 3), (RecordingConfig(split_bytes=4000), 4), (RecordingConfig(), 1)],
)
def test_files_are_split_by_time_and_size(tmp_path, limits, files):
    feed = Feed(tmp_path / "bag", limits)
    write_rounds(feed, 28)
    feed.close()
    names = [f"bag_{number}.mcap" for number in range(files)]
    assert [path.name for path in files_of(tmp_path / "bag")] == names
    assert (
        information(tmp_path / "bag")["relative_file_paths"]
        == [part["path"] for part in information(tmp_path / "bag")["files"]]
        == names
    )
    assert read_by_rosbags(tmp_path / "bag") == read_by_mcap(tmp_path / "bag") == feed.messages()


def test_no_file_is_split_without_messages(tmp_path):
    feed = Feed(tmp_path / "bag", RecordingConfig(split_s=1.0))
    feed.wait(5.0)
    feed.close()
    assert len(files_of(tmp_path / "bag")) == 1


def test_metadata_matches_the_files(tmp_path):
    feed = Feed(tmp_path / "bag", RecordingConfig(split_s=1.0))
    write_rounds(feed, 28)
    feed.close()
    found = information(tmp_path / "bag")
    times = [received_ns for _, _, received_ns, _ in feed.written]
    assert found["message_count"] == len(times) == sum(part["message_count"] for part in found["files"])
    assert found["starting_time"]["nanoseconds_since_epoch"] == times[0] == BEGIN_NS
    assert found["duration"]["nanoseconds"] == times[-1] - times[0]
    assert found["custom_data"] == CUSTOM_DATA
    for part in found["files"]:
        with (tmp_path / "bag" / part["path"]).open("rb") as file:
            statistics = make_reader(file).get_summary().statistics
        assert part["message_count"] == statistics.message_count
        assert part["starting_time"]["nanoseconds_since_epoch"] == statistics.message_start_time
        assert part["duration"]["nanoseconds"] == statistics.message_end_time - statistics.message_start_time


def test_metadata_has_the_keys_and_types_of_another_writer_of_rosbag2(tmp_path):
    never = QosTime(9223372036, 854775807)
    qos = Qos(
        QosHistory.KEEP_LAST,
        100,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL,
        never,
        never,
        QosLiveliness.AUTOMATIC,
        never,
        avoid_ros_namespace_conventions=False,
    )
    with Writer(tmp_path / "theirs", version=9, storage_plugin=StoragePlugin.MCAP) as theirs:
        theirs.set_custom_data("fleet", "known")
        for topic in TOPICS:
            connection = theirs.add_connection(topic.name, KIND, typestore=STORE, offered_qos_profiles=[qos])
        theirs.write(connection, BEGIN_NS, bytes(STORE.serialize_cdr(STORE.types[KIND](data="x"), KIND)))
    feed = Feed(tmp_path / "ours")
    feed.write(TOPICS[-1].name, "x")
    feed.close()
    ours, their = information(tmp_path / "ours"), information(tmp_path / "theirs")
    differs = {"custom_data", "ros_distro", "relative_file_paths"}
    assert ours.keys() == their.keys()
    assert {key: ours[key] for key in ours.keys() - differs - {"files"}} == {
        key: their[key] for key in their.keys() - differs - {"files"}
    }
    assert [part | {"path": ""} for part in ours["files"]] == [part | {"path": ""} for part in their["files"]]


def test_a_file_starts_with_the_custom_data(tmp_path):
    feed = Feed(tmp_path / "bag", RecordingConfig(split_s=1.0))
    write_rounds(feed, 28)
    feed.close()
    for path in files_of(tmp_path / "bag"):
        with path.open("rb") as file:
            header, record, *_ = StreamReader(file).records
        assert (header.profile, record.name, record.metadata) == ("ros2", "fleet", CUSTOM_DATA)


def test_metadata_exists_from_the_start_and_lists_every_file_immediately(tmp_path):
    feed = Feed(tmp_path / "bag", RecordingConfig(split_s=1.0))
    for files in range(1, 4):
        names = [f"bag_{number}.mcap" for number in range(files)]
        deadline = time.monotonic() + PATIENCE_S
        while (
            not (tmp_path / "bag" / "metadata.yaml").exists()
            or information(tmp_path / "bag")["relative_file_paths"] != names
        ):
            assert time.monotonic() < deadline
        write_rounds(feed, 11)
    feed.close()


def test_an_existing_bag_continues_in_a_new_file(tmp_path):
    first = Feed(tmp_path / "bag")
    write_rounds(first, 10)
    first.close()
    content = (tmp_path / "bag" / "bag_0.mcap").read_bytes()
    second = Feed(tmp_path / "bag", now_s=100.0)
    write_rounds(second, 10)
    second.close()
    assert (tmp_path / "bag" / "bag_0.mcap").read_bytes() == content
    expected = {topic: first.messages()[topic] + second.messages()[topic] for topic in first.messages()}
    assert read_by_rosbags(tmp_path / "bag") == read_by_mcap(tmp_path / "bag") == expected


def test_a_bag_has_one_writer(tmp_path):
    feed = Feed(tmp_path / "bag")
    with pytest.raises(InputError, match="is being recorded or repaired"):
        BagWriter(tmp_path / "bag", TOPICS, CUSTOM_DATA, RecordingConfig(), now_s=0.0)
    feed.close()
    Feed(tmp_path / "bag").close()
