"""The recorder tells the robots to begin when it sees every camera, outlives its own death, and a full disk stops only it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fleet_interfaces.msg import LeaseTable
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rosbags.highlevel import AnyReader
from std_msgs.msg import Bool

from fleet_bags.contents import read_contents
from fleet_bags.recorder_node import RecorderNode
from fleet_bags.repair import repair
from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.fleet import Fleet, read_fleet

CONFIG = Path(__file__).parents[3] / "launch/config"
PATIENCE_S = 30.0
FEW_BYTES = {"least_free_bytes": 1 << 60}
LEASES = "/fleet/leases"


def run_folder(folder, contract, **recording):
    """The folder of a run that has not begun."""
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    tree["robots"]["contract"] = str(CONFIG / "robots" / contract)
    tree["recording"] |= recording
    folder.mkdir()
    Fleet.model_validate(tree).write(folder / "fleet.yaml")
    return folder


def said_within(seconds, folder) -> tuple[list[bool], list[DiagnosticStatus]]:
    """What the recorder of a fleet, that nobody else is in, says until it has said both things, or until then."""
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={folder}"])
    recorder, listener, executor = RecorderNode(), rclpy.create_node("listener"), SingleThreadedExecutor()
    said, told = [], []
    listener.create_subscription(Bool, "fleet/recording", lambda word: said.append(word.data), TRANSIENT_LOCAL_1000)
    listener.create_subscription(
        DiagnosticArray, "/diagnostics", lambda array: told.extend(array.status), TRANSIENT_LOCAL_1000
    )
    executor.add_node(recorder)
    executor.add_node(listener)
    until = time.monotonic() + seconds
    while not (said and told) and time.monotonic() < until:
        executor.spin_once(timeout_sec=0.1)
    recorder.finish(executor)
    executor.shutdown()
    listener.destroy_node()
    recorder.destroy_node()
    rclpy.shutdown()
    return said, told


def test_without_cameras_it_says_so_at_once_and_with_cameras_it_waits_for_them(tmp_path):
    said, told = said_within(PATIENCE_S, run_folder(tmp_path / "maze", "pointbot.yaml"))
    assert said == [True]
    assert {(status.level, status.name, status.message) for status in told} == {
        (DiagnosticStatus.OK, "recorder: bag", "recording")
    }
    assert said_within(2.0, run_folder(tmp_path / "cells", "push_cell.yaml"))[0] == []


def test_a_disk_that_is_nearly_full_is_an_error_and_holds_nobody_up(tmp_path):
    folder = run_folder(tmp_path / "cells", "push_cell.yaml", **FEW_BYTES)
    said, told = said_within(PATIENCE_S, folder)
    assert said == [True]
    assert {(status.level, status.name, status.hardware_id) for status in told} == {
        (DiagnosticStatus.ERROR, "recorder: bag", "block_push")
    }
    assert "bytes of disk are free" in told[0].message
    with AnyReader([folder / "bag"]) as reader:
        assert reader.message_count == 0


@contextmanager
def recorder_of(folder):
    """A recorder in a process of its own."""
    words = [sys.executable, "-P", "-c", "from fleet_bags.recorder_node import main; main()"]
    with subprocess.Popen([*words, "--ros-args", "-p", f"run_dir:={folder}"]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def talker():
    rclpy.init()
    node = rclpy.create_node("talker")
    yield node.create_publisher(LeaseTable, LEASES, TRANSIENT_LOCAL_100)
    node.destroy_node()
    rclpy.shutdown()


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def heard(folder):
    """Ticks of the tables in the bag, file after file."""
    with AnyReader([folder / "bag"]) as reader:
        connections = [connection for connection in reader.connections if connection.topic == LEASES]
        return [reader.deserialize(raw, connection.msgtype).tick for connection, _, raw in reader.messages(connections)]


def written(folder, file):
    """Tables in a file that is still being written."""
    path = folder / "bag" / file
    return read_contents(path).part.counts.get(LEASES, 0) if path.exists() else 0


def test_a_recorder_that_is_killed_and_started_again_has_heard_everything(tmp_path, talker):
    """Talkers keep their last 100 words: more than the recorder had not written, and than were said in its absence."""
    folder = run_folder(tmp_path / "maze", "pointbot.yaml")

    def say(first, last):
        for tick in range(first, last):
            talker.publish(LeaseTable(tick=tick))

    with recorder_of(folder) as recorder:
        until(lambda: talker.get_subscription_count() == 1)
        say(0, 100)
        until(lambda: written(folder, "bag_0.mcap") == 100)
        say(100, 150)
        assert talker.wait_for_all_acked(Duration(seconds=PATIENCE_S))
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
    say(150, 190)
    with recorder_of(folder) as recorder:
        until(lambda: written(folder, "bag_1.mcap") == 100)
        say(190, 200)
        until(lambda: written(folder, "bag_1.mcap") == 110)
        recorder.send_signal(signal.SIGINT)
        assert recorder.wait() == 0
    ticks = heard(folder)
    assert sorted(set(ticks)) == list(range(200))
    assert ticks[:100] == list(range(100))
    assert repair(folder / "bag").finished == ()
