"""A bag is read back as what was said in it, whatever happened to the recorder; what is none is refused in a sentence."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from run_bag import HUMAN, MadeUpRun, Said

from fleet_bags.recording import read_recording
from fleet_contract.action import ActionSource
from fleet_contract.validation import InputError

RUN = MadeUpRun()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return read_recording(RUN.write(tmp_path_factory.mktemp("run")))


def test_every_tick_of_every_robot_is_what_was_said(recording):
    assert (recording.ticks, recording.metadata.robots, recording.metadata.seed) == (12, ("robot_01", "robot_02"), 3)
    for robot in range(2):
        assert list(recording.observed_N[robot]) == list(range(12))
        for tick, observed in recording.observed_N[robot].items():
            np.testing.assert_array_equal(observed.state_S, RUN.state(robot, tick))
            assert observed.stamp == (100 + tick, 0)
            np.testing.assert_array_equal(recording.proposed_N[robot][tick].values, RUN.action(robot, tick))
    human = {tick for tick, action in recording.released_N[0].items() if action.source is ActionSource.HUMAN}
    assert human == set(recording.human_actions_N[0]) == {4, 5, 6}
    assert not recording.human_actions_N[1]
    assert recording.reports[3].uncertainties == pytest.approx({"robot_01": 0.3, "robot_02": 1.3})
    assert [lease.token for lease in recording.leases[5].leases] == [7]
    assert [tick for tick, status in recording.statuses_N[0].items() if status.succeeded] == [5]


def test_every_image_belongs_to_the_tick_of_its_stamp(recording):
    seen = {(robot, tick): image for tick, robot, image in recording.images()}
    assert seen.keys() == {(robot, tick) for robot in range(2) for tick in range(12)}
    for (robot, tick), image in seen.items():
        np.testing.assert_array_equal(image, RUN.image(robot, tick))


def heard_again(said: list[Said], since: int) -> list[Said]:
    """A recorder that is started again at the end hears the last messages of every topic once more, topic by topic."""
    end = said[-1].time_ns
    again = [message for message in said if message.time_ns >= 10**9 * (100 + since)]
    again.sort(key=lambda message: message.topic)
    return said + [replace(message, time_ns=end + number) for number, message in enumerate(again, 1)]


@pytest.mark.parametrize("since", [0, 3, 11])
def test_what_a_restarted_recorder_hears_again_counts_once(tmp_path, recording, since):
    again = read_recording(RUN.write(tmp_path, lambda said: heard_again(said, since)))
    assert again.leases == recording.leases
    assert again.released_N == recording.released_N
    assert len(list(again.images())) == 24


def test_what_was_lost_between_is_made_up_for_by_what_is_heard_again(tmp_path, recording):
    def lose(said: list[Said]) -> list[Said]:
        kept = [message for message in said if not 106 <= message.time_ns // 10**9 <= 108]
        first = [message for message in kept if message.time_ns < 10**9 * 106]
        late = [message for message in heard_again(said, 2) if message.time_ns > said[-1].time_ns]
        return first + late

    again = read_recording(RUN.write(tmp_path, lose))
    assert again.released_N == recording.released_N
    assert {(robot, tick) for tick, robot, _ in again.images()} == {(r, t) for r in range(2) for t in range(12)}


def test_a_robot_that_cannot_be_reached_is_unreachable_and_observes_nothing(tmp_path):
    def lose(said: list[Said]) -> list[Said]:
        kept = []
        for message in said:
            gone = message.topic.startswith("/robot_02/") and message.fields.get("tick", 0) >= 7
            if message.topic == "/robot_02/status" and gone:
                message.fields["unreachable"] = "link lost"
            elif gone and not message.topic.endswith("action"):
                continue
            kept.append(message)
        return kept

    found = read_recording(RUN.write(tmp_path, lose))
    assert max(found.observed_N[1]) == 6
    assert found.statuses_N[1][7].unreachable == "link lost"
    assert found.ticks == 12


def out_of_order(said: list[Said]) -> list[Said]:
    return [
        replace(message, time_ns=message.time_ns + (10**9 * 5 if message.fields.get("tick") == 3 else 0))
        for message in said
    ]


def two_runs(said: list[Said]) -> list[Said]:
    later = RUN.said()
    for message in later:
        message.fields["header"] = RUN.header(message.time_ns + 10**12)
    return said + [replace(message, time_ns=message.time_ns + 10**12) for message in later]


def another_size(said: list[Said]) -> list[Said]:
    image = next(message for message in said[40:] if message.topic.endswith("image_raw"))
    image.fields |= {"height": 48, "data": np.zeros(48 * 96 * 3, np.uint8)}
    return said


def another_length(said: list[Said]) -> list[Said]:
    observation = next(message for message in said if message.topic.endswith("observation"))
    observation.fields["values"] = np.zeros(5)
    return said


def no_such_source(said: list[Said]) -> list[Said]:
    next(message for message in said if message.topic.endswith("/action")).fields["source"] = HUMAN + 1
    return said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (out_of_order, r"/robot_01/\w+: found tick 3 after tick [78], allowed are ticks in their order"),
        (two_runs, r"found tick 0 twice, allowed is one run of one fleet in a bag"),
        (another_length, r"/robot_01/observation: observation: found \[.+\], allowed are 6 finite values"),
        (no_such_source, r"/robot_01/action: 3 is not a valid ActionSource"),
        (lambda _: [], r"found no message, allowed is the bag of a run"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path, change, sentence):
    bag = RUN.write(tmp_path, change)
    with pytest.raises(InputError, match=sentence) as caught:
        read_recording(bag)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_of_another_size_are_refused(tmp_path):
    found = read_recording(RUN.write(tmp_path, another_size))
    with pytest.raises(InputError, match=r"image_raw: camera/image_raw: found 96x48 rgb8, allowed is 96x96 rgb8"):
        list(found.images())


def test_a_missing_topic_is_named(tmp_path):
    with pytest.raises(InputError, match=r"topic /robot_02/action is missing"):
        read_recording(RUN.write(tmp_path, without="/robot_02/action"))


def test_a_type_that_the_bag_does_not_define_is_refused(tmp_path):
    RUN.write(tmp_path)
    (file,) = (tmp_path / "bag").glob("*.mcap")
    content = file.read_bytes()
    assert b"fleet_interfaces/msg/LeaseTable" in content
    file.write_bytes(content.replace(b"fleet_interfaces/Lease[] leases", b"fleet_interfaces/Louse[] leases"))
    with pytest.raises(InputError, match="found no whole bag"):
        read_recording(tmp_path)


@pytest.mark.parametrize(
    "content", [None, "", "rosbag2_bagfile_information: {}", "[", "rosbag2_bagfile_information: 3"]
)
def test_what_is_no_bag_of_a_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "metadata.yaml").write_text(content)
    with pytest.raises(InputError, match=re.escape(str(tmp_path)) + ".+allowed is") as caught:
        read_recording(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_bag_whose_file_is_cut_says_so(tmp_path):
    RUN.write(tmp_path)
    (file,) = (tmp_path / "bag").glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="found no whole bag"):
        read_recording(tmp_path)
