"""A bag is read as it was recorded, even by a restarted recorder; other folders are refused in one sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import yaml
from old_run_bag import RunOfVersion010
from run_bag import HUMAN, MadeUpRun, RecordedMessage

from fleet_bags.bag_metadata import ROOT_KEY, read_metadata
from fleet_bags.recording import read_recording
from fleet_contract.action import ActionSource
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.lease_table import LeaseTable
from fleet_contract.validation import InputError

RUN = MadeUpRun()
OLD = RunOfVersion010()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return read_recording(RUN.write(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def old_recording(tmp_path_factory):
    return read_recording(OLD.write(tmp_path_factory.mktemp("old")))


def test_every_tick_of_every_robot_is_read_as_recorded(recording):
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
    assert recording.signals["uncertainty"][3] == recording.reports[3].uncertainties
    assert [lease.token for lease in recording.leases[5].leases] == [7]
    lease = Lease("robot_01", "human_01", 7, LeaseKind.TELEOPERATE, 4, "uncertainty", 0.75, 0.5)
    assert recording.leases[5] == LeaseTable(5, (lease,), (), {"uncertainty": 0.5})
    assert [tick for tick, status in recording.statuses_N[0].items() if status.succeeded] == [5]


def test_every_image_belongs_to_the_tick_of_its_stamp(recording):
    seen = {(robot, tick): image for tick, robot, image in recording.images()}
    assert seen.keys() == {(robot, tick) for robot in range(2) for tick in range(12)}
    for (robot, tick), image in seen.items():
        np.testing.assert_array_equal(image, RUN.image(robot, tick))


def received_again(messages: list[RecordedMessage], since: int) -> list[RecordedMessage]:
    """Restart the recorder at the end: it receives the last messages of every topic again, topic by topic."""
    end = messages[-1].time_ns
    again = [message for message in messages if message.time_ns >= 10**9 * (100 + since)]
    again.sort(key=lambda message: message.topic)
    return messages + [replace(message, time_ns=end + number) for number, message in enumerate(again, 1)]


@pytest.mark.parametrize("since", [0, 3, 11])
def test_messages_that_a_restarted_recorder_receives_again_count_once(tmp_path, recording, since):
    again = read_recording(RUN.write(tmp_path, lambda messages: received_again(messages, since)))
    assert again.leases == recording.leases
    assert again.released_N == recording.released_N
    assert len(list(again.images())) == 24


def test_messages_that_were_lost_and_received_again_are_read(tmp_path, recording):
    def lose(messages: list[RecordedMessage]) -> list[RecordedMessage]:
        remaining = [message for message in messages if not 106 <= message.time_ns // 10**9 <= 108]
        first = [message for message in remaining if message.time_ns < 10**9 * 106]
        late = [message for message in received_again(messages, 2) if message.time_ns > messages[-1].time_ns]
        return first + late

    again = read_recording(RUN.write(tmp_path, lose))
    assert again.released_N == recording.released_N
    assert {(robot, tick) for tick, robot, _ in again.images()} == {(r, t) for r in range(2) for t in range(12)}


def test_an_unreachable_robot_has_no_observations(tmp_path):
    def lose(messages: list[RecordedMessage]) -> list[RecordedMessage]:
        remaining = []
        for message in messages:
            lost = message.time_ns // 10**9 >= 107
            if lost and message.topic.startswith("/robot_02/"):
                continue
            if lost and message.topic == "/fleet/states":
                message.fields["unreachable"][1] = "link lost"
                message.fields["values"][6:] = np.nan
            remaining.append(message)
        return remaining

    found = read_recording(RUN.write(tmp_path, lose))
    assert max(found.observed_N[1]) == 6
    assert max(found.observed_N[0]) == 11
    assert found.statuses_N[1][7].unreachable == "link lost"
    assert not found.statuses_N[0][7].unreachable
    assert found.ticks == 12


def test_a_bag_of_version_0_1_0_holds_the_same_run(recording, old_recording):
    for name in (
        "ticks",
        "statuses_N",
        "released_N",
        "proposed_N",
        "human_actions_N",
        "reports",
        "signals",
        "policy_versions",
    ):
        assert getattr(old_recording, name) == getattr(recording, name), name
    for old, new in zip(old_recording.observed_N, recording.observed_N, strict=True):
        assert old.keys() == new.keys()
        for tick, observed in new.items():
            assert (old[tick].stamp, old[tick].episode) == (observed.stamp, observed.episode)
            np.testing.assert_array_equal(old[tick].state_S, observed.state_S)
    assert old_recording.image_ticks() == recording.image_ticks()
    unknown = {"signal": "", "value": 0.0, "threshold": 0.0}
    assert old_recording.leases == {
        tick: replace(table, leases=tuple(replace(lease, **unknown) for lease in table.leases))
        for tick, table in recording.leases.items()
    }


def test_a_bag_of_version_0_1_0_is_read_as_before(tmp_path):
    old = RunOfVersion010()
    pretraining = old.fleet.pretraining.model_copy(
        update={"counter_example_sampler": "reference", "counter_example_iterations": 37}
    )
    fleet = old.fleet.model_copy(update={"pretraining": pretraining})

    def lose_robot_02(messages: list[RecordedMessage]) -> list[RecordedMessage]:
        for message in messages:
            if message.topic == "/robot_02/status" and message.fields["tick"] == 3:
                message.fields["absent"] = "link lost"
        return messages

    folder = old.write(tmp_path, lose_robot_02, fleet=fleet)
    (file,) = (tmp_path / "bag").glob("*.mcap")
    assert b"string absent" in file.read_bytes()
    assert b"string unreachable" not in file.read_bytes()
    assert b"RobotStates" not in file.read_bytes()
    recorded = yaml.safe_load(read_metadata(tmp_path / "bag")[ROOT_KEY]["custom_data"]["fleet"])["pretraining"]
    assert (recorded["counter_sampler"], recorded["counter_iterations"]) == ("reference", 37)
    assert not any(key.startswith("counter_example") for key in recorded)
    found = read_recording(folder)
    assert [status.unreachable for status in found.statuses_N[1].values()] == ["", "", "", "link lost"] + [""] * 9
    assert found.metadata.fleet.pretraining.counter_example_sampler == "reference"
    assert found.metadata.fleet.pretraining.counter_example_iterations == 37
    assert found.metadata.fleet == fleet


def out_of_order(messages: list[RecordedMessage]) -> list[RecordedMessage]:
    return [
        replace(message, time_ns=message.time_ns + (10**9 * 5 if message.fields.get("tick") == 3 else 0))
        for message in messages
    ]


def two_runs(run: MadeUpRun, messages: list[RecordedMessage]) -> list[RecordedMessage]:
    later = run.messages()
    for message in later:
        message.fields["header"] = run.header(message.time_ns + 10**12)
    return messages + [replace(message, time_ns=message.time_ns + 10**12) for message in later]


def another_size(messages: list[RecordedMessage]) -> list[RecordedMessage]:
    image = next(message for message in messages[40:] if message.topic.endswith("image_raw"))
    image.fields |= {"height": 48, "data": np.zeros(48 * 96 * 3, np.uint8)}
    return messages


def another_length(messages: list[RecordedMessage]) -> list[RecordedMessage]:
    states = next(message for message in messages if message.topic.endswith(("observation", "states")))
    states.fields["values"] = states.fields["values"][1:]
    return messages


def no_such_source(messages: list[RecordedMessage]) -> list[RecordedMessage]:
    actions = next(message for message in messages if message.topic.endswith(("/action", "/actions")))
    if "source" in actions.fields:
        actions.fields["source"] = HUMAN + 1
    else:
        actions.fields["sources"][1] = HUMAN + 1
    return messages


def unknown_robot(messages: list[RecordedMessage]) -> list[RecordedMessage]:
    signal = next(message for message in messages if message.topic.endswith("/uncertainty"))
    signal.fields["robots"] = ["robot_01", "robot_03"]
    return messages


def no_threshold(messages: list[RecordedMessage]) -> list[RecordedMessage]:
    next(message for message in messages if message.topic == "/fleet/leases").fields["thresholds"] = np.zeros(0)
    return messages


@pytest.mark.parametrize(
    ("run", "change", "sentence"),
    [
        (RUN, out_of_order, r"/fleet/\w+: expected ticks in ascending order, got tick 3 after tick [78]"),
        (OLD, out_of_order, r"/robot_01/\w+: expected ticks in ascending order, got tick 3 after tick [78]"),
        (RUN, two_runs, r"expected one run of one fleet in a bag, got tick 0 twice"),
        (OLD, two_runs, r"expected one run of one fleet in a bag, got tick 0 twice"),
        (RUN, another_length, r"/fleet/states: values: expected 6 for each of 2 robots, got 11"),
        (OLD, another_length, r"/robot_01/observation: observation: expected 6 finite values, got \[.+\]"),
        (RUN, no_such_source, r"/fleet/actions: 3 is not a valid ActionSource"),
        (OLD, no_such_source, r"/robot_01/action: 3 is not a valid ActionSource"),
        (
            RUN,
            unknown_robot,
            r"/fleet/signals/uncertainty: robots: expected different robots of this fleet, got \['robot_03'\]",
        ),
        (RUN, no_threshold, r"/fleet/leases: thresholds: expected one for each of 1 signals, got 0"),
        (RUN, lambda _: [], r"expected the bag of a run, got one without messages"),
    ],
)
def test_contradictory_messages_are_refused(tmp_path, run, change, sentence):
    bag = run.write(tmp_path, partial(change, run) if change is two_runs else change)
    with pytest.raises(InputError, match=sentence) as caught:
        read_recording(bag)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_of_another_size_are_refused(tmp_path):
    found = read_recording(RUN.write(tmp_path, another_size))
    with pytest.raises(InputError, match=r"image_raw: camera/image_raw: expected 96x96 rgb8, got 96x48 rgb8"):
        list(found.images())


@pytest.mark.parametrize(("run", "topic"), [(RUN, "/fleet/actions"), (RUN, "/fleet/states"), (OLD, "/robot_02/action")])
def test_a_missing_topic_is_named(tmp_path, run, topic):
    with pytest.raises(InputError, match=rf"topic {topic} is missing"):
        read_recording(run.write(tmp_path, without=topic))


def test_a_type_that_the_bag_does_not_define_is_refused(tmp_path):
    RUN.write(tmp_path)
    (file,) = (tmp_path / "bag").glob("*.mcap")
    content = file.read_bytes()
    assert b"fleet_interfaces/msg/LeaseTable" in content
    file.write_bytes(content.replace(b"fleet_interfaces/Lease[] leases", b"fleet_interfaces/Louse[] leases"))
    with pytest.raises(InputError, match="expected a complete rosbag1 or rosbag2 bag"):
        read_recording(tmp_path)


@pytest.mark.parametrize(
    "content", [None, "", "rosbag2_bagfile_information: {}", "[", "rosbag2_bagfile_information: 3"]
)
def test_a_folder_without_the_bag_of_a_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "metadata.yaml").write_text(content)
    with pytest.raises(InputError, match=re.escape(str(tmp_path)) + ".+expected ") as caught:
        read_recording(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_bag_with_an_incomplete_file_is_refused(tmp_path):
    RUN.write(tmp_path)
    (file,) = (tmp_path / "bag").glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="expected a complete rosbag1 or rosbag2 bag"):
        read_recording(tmp_path)
