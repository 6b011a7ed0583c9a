"""Third-party bags become training sets with every number, image and command at the tick to which it belongs."""

from __future__ import annotations

import copy
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from third_party_bag import BAGS, CONTRACT, START_NS, Drive, Message, contract_tree, mapping_tree, write_bag

from fleet_bags.build import build
from fleet_bags.mapping import read_mapping
from fleet_bags.samples import Samples, read_samples
from fleet_bags.topic_series import StampPair, TopicSeries
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.alignment import Alignment, aligned
from fleet_contract.validation import InputError

DRIVE = Drive(steps=300, seed=0)
TICKS = 30
S = 10**9
ROOT = Path(__file__).parents[3]


def built(folder: Path, messages: list[Message], tree: dict, form: str = "mcap") -> Samples:
    (folder / "map.yaml").write_text(yaml.safe_dump(tree))
    bag = write_bag(folder / "bag", messages, form)
    build([bag], folder / "set", mapping=read_mapping(folder / "map.yaml"))
    return read_samples(folder / "set")


def newest_value(series: list, tick_ns: int, within_ns: int):
    """Return the last value at or before the tick; None if it is too old."""
    past = [(stamp_ns, value) for stamp_ns, value in series if stamp_ns <= tick_ns]
    return past[-1][1] if past and tick_ns - past[-1][0] <= within_ns else None


def nearest_value(series: list, tick_ns: int, within_ns: int):
    """Return the value that is nearest_value to the tick, the later one of two that are equally near; None if it is too far away."""
    stamp_ns, value = min(reversed(series), key=lambda pair: abs(pair[0] - tick_ns))
    return value if abs(stamp_ns - tick_ns) <= within_ns else None


@pytest.mark.parametrize("name", ["drive #3", "100% ?.db3", "two;parts.bag", "drive", "new.mcap"])
@pytest.mark.parametrize("form", BAGS)
def test_a_bag_may_have_any_name(tmp_path, form, name):
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(mapping_tree()))
    bag = write_bag(tmp_path / "bag", DRIVE.messages, form).rename(tmp_path / name)
    build([bag], tmp_path / "set", mapping=read_mapping(tmp_path / "map.yaml"))
    assert len(read_samples(tmp_path / "set")) == TICKS


@pytest.mark.parametrize("form", BAGS)
def test_samples_from_every_bag_format_match_the_recorded_drive(tmp_path, form):
    samples = built(tmp_path, DRIVE.messages, mapping_tree(), form)
    columns = samples.columns
    first_ns = START_NS + DRIVE.latency_ns
    ticks = [first_ns + 200_000_000 * tick for tick in range(TICKS)]
    assert columns["stamps_ns"].tolist() == ticks
    assert DRIVE.arrivals
    assert any(bumped for _, bumped in DRIVE.bumped), "otherwise less is tested"
    for row, tick_ns in enumerate(ticks):
        np.testing.assert_allclose(columns["states"][row], newest_value(DRIVE.states, tick_ns, S), rtol=1e-12)
        np.testing.assert_array_equal(columns["images"][row], newest_value(DRIVE.pictures, tick_ns, S))
        violated = newest_value(DRIVE.bumped, tick_ns, S)
        assert columns["violated"][row] == violated
        command = None if violated else nearest_value(DRIVE.commands, tick_ns, 150_000_000)
        assert columns["shown"][row] == (command is not None)
        assert columns["kinds"][row] == (ActionKind.HOLD if command is None else ActionKind.MOVE)
        np.testing.assert_array_equal(columns["actions"][row], [np.nan] * 2 if command is None else command)
        came = row < TICKS - 1 and any(tick_ns < stamp_ns <= ticks[row + 1] for stamp_ns in DRIVE.arrivals)
        assert columns["succeeded"][row] == came
        np.testing.assert_array_equal(columns["rewards"][row], float(came) if row < TICKS - 1 else np.nan)
    assert samples.metadata.runs[0].task == "navigation"
    assert samples.metadata.runs[0].robots == ("robot_01",)


def test_an_attempt_ends_with_a_success_or_a_hard_reset(tmp_path):
    columns = built(tmp_path, DRIVE.messages, mapping_tree()).columns
    expected, attempt = [], 0
    for row in range(len(columns["ticks"])):
        if row and (columns["succeeded"][row - 1] or (columns["violated"][row - 1] and not columns["violated"][row])):
            attempt += 1
        expected.append(attempt)
    assert expected[-1] > 1
    assert columns["attempts"].tolist() == expected


def test_ticks_can_be_the_messages_of_a_topic(tmp_path):
    tree = mapping_tree(ticks="camera/color/compressed")
    tree["contract"]["rate_hz"] = 12.5
    columns = built(tmp_path, DRIVE.messages, tree).columns
    stamps = [stamp_ns for stamp_ns, _ in DRIVE.pictures]
    assert columns["stamps_ns"].tolist() == stamps
    for row, stamp_ns in enumerate(stamps):
        np.testing.assert_array_equal(columns["images"][row], DRIVE.pictures[row][1])
        np.testing.assert_allclose(
            columns["states"][row], newest_value(DRIVE.states, stamp_ns + DRIVE.latency_ns, S), rtol=1e-12
        )


def test_several_robots_and_a_topic_that_tells_who_drove(tmp_path):
    drives = [Drive(seed=seed, namespace=f"/base_{seed}") for seed in (1, 2)]
    for drive in drives:
        for time_s in (0, 1, 2):
            drive.publish("teleop", "std_msgs/msg/Bool", START_NS + time_s * S, {"data": time_s == 1})
    messages = sorted((m for drive in drives for m in drive.messages), key=lambda message: message.time_ns)
    driver = {"topic": "teleop", "type": "std_msgs/msg/Bool", "align": {"rule": "hold", "timeline": "receive"}}
    samples = built(tmp_path, messages, mapping_tree(robots=["base_1", "base_2"], driver=driver))
    columns = samples.columns
    assert samples.metadata.runs[0].robots == ("base_1", "base_2")
    assert columns["robots"].tolist() == [0] * 15 + [1] * 15
    for robot, drive in enumerate(drives):
        rows = np.flatnonzero(columns["robots"] == robot)
        for row, tick_ns in zip(rows, columns["stamps_ns"][rows].tolist(), strict=True):
            np.testing.assert_allclose(columns["states"][row], newest_value(drive.states, tick_ns, S), rtol=1e-12)
            human = S <= tick_ns - START_NS - drive.latency_ns < 2 * S
            if columns["kinds"][row] == ActionKind.MOVE:
                assert columns["sources"][row] == (ActionSource.HUMAN if human else ActionSource.POLICY)
                assert columns["supervisors"][row] == (0 if human else -1)
    assert len(np.unique(columns["attempts"][columns["robots"] == 0])) > 1


def test_samples_are_aligned_by_header_stamps_or_receive_times(tmp_path):
    """Joints in another order than the contract's, in degrees, received half a second late."""
    quantities = [{"name": name, "unit": "rad", "low": -4.0, "high": 4.0} for name in ("shoulder", "elbow")]
    tree = mapping_tree(robots=None, command={"rule": "gap", "timeline": "header", "tolerance_s": 0.05})
    contract = tree["contract"]
    contract["observation"] = {"state": contract["observation"]["state"] | {"quantities": quantities}}
    contract["action"] |= {"meaning": "joint_position", "quantities": quantities}
    del contract["operation"]
    joints = {name: {"field": f"position[{name}_joint]", "unit": "deg"} for name in ("shoulder", "elbow")}
    targets = {name: joint | {"measured": name, "field": f"positions[{name}_joint]"} for name, joint in joints.items()}
    state = {"topic": "joint_states", "type": "sensor_msgs/msg/JointState", "quantities": joints}
    contract["native"] = {
        "state": [state | {"align": {"rule": "gap", "timeline": "header", "tolerance_s": 0.02}}],
        "action": {"topic": "target", "type": "trajectory_msgs/msg/JointTrajectory", "quantities": targets,
                   "rate_hz": 10, "stops_within_s": 0},
    }  # fmt: skip
    messages = []
    for step in range(200):
        stamp_ns = START_NS + step * 10_000_000
        names = ["elbow_joint", "wrist_joint", "shoulder_joint"]
        sentence_part = {"name": names, "position": [step / 10, 99.0, -step / 20], "velocity": [], "effort": []}
        messages.append(Message("/joint_states", state["type"], stamp_ns + S // 2, sentence_part, stamp_ns))
        point = {"positions": [step / 5, -step / 4]}
        aim = {"joint_names": ["shoulder_joint", "elbow_joint"], "points": [point]}
        messages.append(
            Message("/target", "trajectory_msgs/msg/JointTrajectory", stamp_ns + S // 2 + 1, aim, stamp_ns + 5_000_000)
        )
    columns = built(tmp_path, messages, tree).columns
    # A tick at arrival time t sees what was taken at t: recorded 0.5 s later. The first tick is at the first arrival.
    steps = np.rint((columns["stamps_ns"] - START_NS) / 1e7)
    assert steps.tolist() == list(range(50, 200, 20))
    np.testing.assert_allclose(columns["states"], np.radians(np.stack([-steps / 20, steps / 10], axis=1)), rtol=1e-12)
    aimed = steps - 1  # the one stamped 5 ms before, not the one 5 ms after
    np.testing.assert_allclose(columns["actions"], np.radians(np.stack([aimed / 5, -aimed / 4], axis=1)), rtol=1e-12)


@given(
    stamps_s=st.lists(st.integers(0, 60), max_size=50),
    tick_s=st.integers(-5, 65),
    align=st.sampled_from(
        [Alignment(rule="hold", timeline="receive")]
        + [Alignment(rule=rule, timeline="receive", tolerance_s=3.0) for rule in ("nearest", "gap")]
    ),
)
def test_searching_near_a_tick_equals_searching_everywhere(stamps_s, tick_s, align):
    series = TopicSeries(align, lambda message: message)
    for number, stamp_s in enumerate(stamps_s):
        series.add(number, stamp_s * S)
    assert series.at(StampPair(tick_s * S, tick_s * S)) == aligned(stamps_s, tick_s, align)


def without(topic: str) -> list[Message]:
    return [message for message in DRIVE.messages if not message.topic.endswith(topic)]


def changed(topic: str, **fields) -> list[Message]:
    messages = copy.deepcopy(DRIVE.messages)
    for message in messages:
        if message.topic.endswith(topic):
            message.fields |= fields
    return messages


def broken_contract(*path: str | int, value: object) -> dict:
    tree = contract_tree()
    part = tree
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return tree


ROBOT = "bag: /robot_01/"
BEACON = ("native", "state", 0, "quantities", "beacon_ahead")


SONAR = "std_msgs/msg/Float64MultiArray"


def stamped(change) -> list[Message]:
    """The messages with other stamps in their headers."""
    return [m if m.stamp_ns is None else replace(m, stamp_ns=change(m.stamp_ns)) for m in DRIVE.messages]


def by_header() -> dict:
    """The contract with a camera that is read by the stamps of its headers."""
    tree = mapping_tree()["contract"]
    tree["native"]["camera"]["align"] |= {"timeline": "header"}
    return {"contract": tree}


BY_HEADER = by_header()


@pytest.mark.parametrize(
    ("messages", "changes", "sentence_part"),
    [
        (without("sonar"), {}, "bag: topic /robot_01/sonar is missing, the bag has /robot_01/at_beacon, /robot_01/beacon"),
        (DRIVE.messages, {"robots": ["other"]}, "bag: topic /other/beacon is missing, the bag has"),
        (
            [Message(m.topic, "geometry_msgs/msg/Twist", m.time_ns, {}) if m.topic.endswith("sonar") else m
             for m in DRIVE.messages],
            {},
            ROBOT + "sonar: type: expected std_msgs/msg/Float64MultiArray, got geometry_msgs/msg/Twist.",
        ),
        (
            changed("sonar", data=[1.0, 2.0]),
            {},
            ROBOT + "sonar: expected at least one message that can be used (expected data[4], got 2 values), got none.",
        ),
        (changed("cmd_vel", linear={"x": 1.5}), {}, ROBOT + "cmd_vel: expected a command from [-0.4, -2.5] to [0.8, 2.5], got [1.5, "),
        (
            changed("cmd_vel", linear={"x": float("nan")}),
            {},
            ROBOT + "cmd_vel: expected at least one message that can be used (expected finite values, got [nan, ",
        ),
        (
            changed("compressed", data=[1, 2, 3]),
            {},
            ROBOT + "camera/color/compressed: expected at least one message that can be used (expected a whole JPEG or PNG image, got 3 ",
        ),
        (
            [Message("/robot_01/sonar", SONAR, 0, {"data": [1.0] * 4}), *DRIVE.messages],
            {},
            "bag: expected messages without a gap of more than 1 day, got one of 19676 days after 1970-01-01T00:00:00+00:00, before a",
        ),
        (stamped(lambda _: 0), BY_HEADER, ROBOT + "camera/color/compressed: expected at least one message that can be used (its stamp is 0: no "),
        (
            stamped(lambda stamp_ns: stamp_ns - 30 * S * (stamp_ns > START_NS + 3 * S)),
            BY_HEADER,
            ROBOT + "camera/color/compressed: expected stamps in the order of recording, got one 29.9 s before an earlier one: the robot",
        ),
        (DRIVE.messages, {"ticks": "sonar"}, ROBOT + "sonar: expected about 5 messages per second for ticks, as the contract's rate_hz, got 25."),
        (
            [m for m in DRIVE.messages if START_NS < m.time_ns - {"sonar": 0, "beacon": 4 * S}.get(m.topic[10:], 0)
             < START_NS + {"sonar": S}.get(m.topic[10:], 9 * S)],
            {},
            "bag: expected at least one tick with a sample of every observed topic, got none; missing most often is /robot_01/",
        ),
        (DRIVE.messages, {"ticks": "odom"}, "map.yaml: ticks: expected one of beacon, sonar, camera/color/"),
        (DRIVE.messages, {"robots": ["a", "a"]}, "map.yaml: robots: expected unique namespaces, got a, a."),
        (DRIVE.messages, {"robots": ["a b"]}, "map.yaml: robots.0: expected text that matches "),
        (DRIVE.messages, {"driver": "cat"}, "map.yaml: driver: expected 'human' or 'policy' or a mapping, got 'cat'."),
        (DRIVE.messages, {"speed": 2}, "map.yaml: unknown key speed, expected one of command, contract, driver, robots, t"),
        (DRIVE.messages, {"task": None}, "map.yaml: task is missing."),
        (DRIVE.messages, {"command": {"rule": "tick"}}, "map.yaml: command.rule: expected hold, nearest or gap, because"),
        (
            DRIVE.messages,
            {"command": {"rule": "hold", "timeline": "header"}},
            "map.yaml: command.timeline: expected receive, because messages of this type have no header, got header.",
        ),
        (DRIVE.messages, {"contract": "robots/none.yaml"}, "robots/none.yaml: cannot be read: No such file or directory"),
        (DRIVE.messages, {"contract": broken_contract("native", value=None)}, "contract.native is missing, "),
        (
            DRIVE.messages,
            {"contract": broken_contract(*BEACON, "field", value="data[x]")},
            "quantities.beacon_ahead.field: expected a field of std_msgs/msg/Float64MultiArray (data[0], data[1], ...), got data[x].",
        ),
        (
            DRIVE.messages,
            {"contract": broken_contract(*BEACON, "unit", value="deg")},
            "native.state.quantities.beacon_ahead.unit: expected one of m, cm, mm, km for a quantity in 'm', got 'deg'.",
        ),
    ],
)  # fmt: skip
def test_bad_input_gives_one_sentence_and_no_files(tmp_path, messages, changes, sentence_part):
    with pytest.raises(InputError) as caught:
        built(tmp_path, messages, mapping_tree(**changes))
    sentence = str(caught.value)
    assert sentence_part in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert {path.name for path in tmp_path.iterdir()} <= {"bag", "map.yaml"}


@pytest.mark.parametrize("form", ["mcap", "sqlite3"])
def test_a_bag_whose_clock_was_set_back_is_refused(tmp_path, form):
    """Both the recorder's and the robot's clock are set back by 3 s: sorted by time, everything looks right."""
    late = START_NS + 4 * S
    messages = [replace(m, time_ns=m.time_ns - 3 * S * (m.time_ns > late)) for m in DRIVE.messages]
    with pytest.raises(InputError, match=r"received 3\.0 s before an earlier one in bag.*: the clock was set back"):
        built(tmp_path, messages, mapping_tree(), form)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: bytes(range(200))])
def test_a_damaged_picture_costs_its_tick(tmp_path, damage):
    first, tick_ns = START_NS + DRIVE.latency_ns, 200_000_000
    lost_ns = [stamp_ns for stamp_ns, _ in DRIVE.pictures][10:20]
    messages = [
        replace(m, fields=m.fields | {"data": np.frombuffer(damage(m.fields["data"].tobytes()), np.uint8)})
        if m.stamp_ns in lost_ns
        else m
        for m in DRIVE.messages
    ]
    tree = mapping_tree()
    tree["contract"]["native"]["camera"]["align"] = {"rule": "gap", "timeline": "receive", "tolerance_s": 0.05}
    samples, whole = built(tmp_path, messages, tree), [ns for ns, _ in DRIVE.pictures if ns not in lost_ns]
    stamps_ns = samples.columns["stamps_ns"].tolist()
    ticks = [first + tick_ns * tick for tick in range(TICKS)]
    assert stamps_ns == [own for own in ticks if min(abs(ns + DRIVE.latency_ns - own) for ns in whole) <= 50_000_000]
    assert 0 < len(stamps_ns) < TICKS
    pictures = dict(DRIVE.pictures)
    for row, own in enumerate(stamps_ns):
        nearest = min(whole, key=lambda ns: abs(ns + DRIVE.latency_ns - own))
        np.testing.assert_array_equal(samples.columns["images"][row], pictures[nearest])


@pytest.mark.parametrize("form", ["mcap", "sqlite3"])
@pytest.mark.parametrize("content", [None, "", "version: ["])
def test_files_are_read_without_the_metadata_of_their_folder(tmp_path, form, content):
    (tmp_path / "whole").mkdir()
    expected = built(tmp_path / "whole", DRIVE.messages, mapping_tree(), form).columns
    metadata = tmp_path / "whole/bag/metadata.yaml"
    metadata.unlink()
    if content is not None:
        metadata.write_text(content)
    build([tmp_path / "whole/bag"], tmp_path / "set", mapping=read_mapping(tmp_path / "whole/map.yaml"))
    found = read_samples(tmp_path / "set").columns
    for name in ("states", "actions", "images", "stamps_ns"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_messages_beside_a_database_are_not_ignored(tmp_path):
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(mapping_tree()))
    (file,) = write_bag(tmp_path / "bag", DRIVE.messages, "sqlite3").glob("*.db3")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(
            "INSERT INTO messages SELECT id + 9999, topic_id, timestamp + 7000000000, data FROM messages "
            "WHERE topic_id = (SELECT id FROM topics WHERE name = '/robot_01/sonar') LIMIT 5"
        )
        connection.commit()
        for suffix in ("", "-wal"):  # closing the connection would write the messages into the database
            shutil.copyfile(f"{file}{suffix}", tmp_path / f"{file.name}{suffix}")
    for suffix in ("", "-wal"):
        (tmp_path / f"{file.name}{suffix}").replace(f"{file}{suffix}")
    mapping = read_mapping(tmp_path / "map.yaml")
    with pytest.raises(InputError, match=r"expected all messages in bag.*\.db3, got more of them in bag.*\.db3-wal"):
        build([tmp_path / "bag"], tmp_path / "set", mapping=mapping)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    build([tmp_path / "bag"], tmp_path / "set", mapping=mapping)


def test_messages_that_were_lost_are_not_ignored(tmp_path):
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(mapping_tree()))
    (file,) = write_bag(tmp_path / "bag", DRIVE.messages, "sqlite3").glob("*.db3")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DELETE FROM messages WHERE id > 500")
        connection.commit()
    with pytest.raises(
        InputError, match=r"/robot_01/\w+(/\w+)*: expected \d+ messages, as its metadata says, got \d+\."
    ):
        build([tmp_path / "bag"], tmp_path / "set", mapping=read_mapping(tmp_path / "map.yaml"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.66, 0.99])
@pytest.mark.parametrize("form", [*BAGS, "zstd"])
def test_a_bag_that_was_cut_is_refused_in_one_sentence(tmp_path, form, share):
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(mapping_tree()))
    bag = write_bag(tmp_path / "bag", DRIVE.messages, form)
    file = max(bag.iterdir(), key=lambda own: own.stat().st_size) if bag.is_dir() else bag
    os.truncate(file, int(file.stat().st_size * share))
    with pytest.raises(InputError, match=r"expected a complete rosbag1 or rosbag2 bag, got one that cannot be read"):
        build([bag], tmp_path / "set", mapping=read_mapping(tmp_path / "map.yaml"))
    assert not (tmp_path / "set").exists()


def test_the_documented_command_and_mapping_file_work(tmp_path):
    page = (ROOT / "docs/how-to/datasets.md").read_text()
    (line,) = re.findall(r"^\./fleet dataset build .* --map .*$", page, re.MULTILINE)
    write_bag(tmp_path / "drive", DRIVE.messages)
    words = line.replace("./fleet", str(ROOT / "fleet")).replace("docs/", f"{ROOT}/docs/").split()
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "own: 30 samples from 1 runs" in done.stdout
    assert read_samples(tmp_path / "own").columns["images"].shape == (30, 64, 64, 3)


def test_a_path_that_is_no_bag_is_refused(tmp_path):
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(mapping_tree() | {"contract": str(CONTRACT)}))
    mapping = read_mapping(tmp_path / "map.yaml")
    for name in ("none", "broken.bag", "folder"):
        path = tmp_path / name
        if name == "broken.bag":
            path.write_bytes(b"#ROSBAG V2.0\nxx")
        if name == "folder":
            path.mkdir()
        with pytest.raises(InputError, match=f"{name}: expected a complete rosbag1 or rosbag2 bag"):
            build([path], tmp_path / "set", mapping=mapping)
    assert not (tmp_path / "set").exists()
