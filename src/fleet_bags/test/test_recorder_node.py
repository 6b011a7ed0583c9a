"""The recorder lets the robots start when all cameras publish, resumes after a kill, and alone stops on a full disk."""

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

pytestmark = pytest.mark.slow
CONFIG = Path(__file__).parents[3] / "launch/config"
PATIENCE_S = 30.0
FEW_BYTES = {"least_free_bytes": 1 << 60}
LEASES = "/fleet/leases"


def run_folder(folder, contract, **recording):
    """Return the folder of a run that has not started."""
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    tree["robots"]["contract"] = str(CONFIG / "robots" / contract)
    tree["recording"] |= recording
    folder.mkdir()
    Fleet.model_validate(tree).write(folder / "fleet.yaml")
    return folder


def published_within(seconds, folder) -> tuple[list[bool], list[DiagnosticStatus]]:
    """Run a recorder alone until it has published both topics or the time is up; return what it published."""
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={folder}"])
    recorder, listener, executor = RecorderNode(), rclpy.create_node("listener"), SingleThreadedExecutor()
    started, statuses = [], []
    listener.create_subscription(
        Bool, "fleet/recording", lambda message: started.append(message.data), TRANSIENT_LOCAL_1000
    )
    listener.create_subscription(
        DiagnosticArray, "/diagnostics", lambda array: statuses.extend(array.status), TRANSIENT_LOCAL_1000
    )
    executor.add_node(recorder)
    executor.add_node(listener)
    until = time.monotonic() + seconds
    while not (started and statuses) and time.monotonic() < until:
        executor.spin_once(timeout_sec=0.1)
    recorder.finish(executor)
    executor.shutdown()
    listener.destroy_node()
    recorder.destroy_node()
    rclpy.shutdown()
    return started, statuses


def test_the_start_is_published_immediately_without_cameras_and_waits_for_cameras(tmp_path):
    started, statuses = published_within(PATIENCE_S, run_folder(tmp_path / "maze", "pointbot.yaml"))
    assert started == [True]
    assert {(status.level, status.name, status.message) for status in statuses} == {
        (DiagnosticStatus.OK, "recorder: bag", "recording")
    }
    assert published_within(2.0, run_folder(tmp_path / "cells", "push_cell.yaml"))[0] == []


def test_a_nearly_full_disk_is_an_error_and_delays_nobody(tmp_path):
    folder = run_folder(tmp_path / "cells", "push_cell.yaml", **FEW_BYTES)
    started, statuses = published_within(PATIENCE_S, folder)
    assert started == [True]
    assert {(status.level, status.name, status.hardware_id) for status in statuses} == {
        (DiagnosticStatus.ERROR, "recorder: bag", "block_push")
    }
    assert "bytes of free disk space" in statuses[0].message
    with AnyReader([folder / "bag"]) as reader:
        assert reader.message_count == 0


@contextmanager
def recorder_of(folder):
    """Run a recorder in its own process."""
    words = [sys.executable, "-c", "from fleet_bags.recorder_node import main; main()"]
    with subprocess.Popen([*words, "--ros-args", "-p", f"run_dir:={folder}"]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def publisher():
    rclpy.init()
    node = rclpy.create_node("publisher")
    yield node.create_publisher(LeaseTable, LEASES, TRANSIENT_LOCAL_100)
    node.destroy_node()
    rclpy.shutdown()


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def recorded_ticks(folder):
    """Return the ticks of the lease tables in the bag, file by file."""
    with AnyReader([folder / "bag"]) as reader:
        connections = [connection for connection in reader.connections if connection.topic == LEASES]
        return [reader.deserialize(raw, connection.msgtype).tick for connection, _, raw in reader.messages(connections)]


def written(folder, file):
    """Return the number of lease tables in a file that is still being written."""
    path = folder / "bag" / file
    return read_contents(path).part.counts.get(LEASES, 0) if path.exists() else 0


def test_a_killed_and_restarted_recorder_has_recorded_everything(tmp_path, publisher):
    """The publisher's history of 100 messages covers those not yet written at the kill and those published before the restart."""
    folder = run_folder(tmp_path / "maze", "pointbot.yaml")

    def publish(first, last):
        for tick in range(first, last):
            publisher.publish(LeaseTable(tick=tick))

    with recorder_of(folder) as recorder:
        until(lambda: publisher.get_subscription_count() == 1)
        publish(0, 100)
        until(lambda: written(folder, "bag_0.mcap") == 100)
        publish(100, 150)
        assert publisher.wait_for_all_acked(Duration(seconds=PATIENCE_S))
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
    publish(150, 190)
    with recorder_of(folder) as recorder:
        until(lambda: written(folder, "bag_1.mcap") == 100)
        publish(190, 200)
        until(lambda: written(folder, "bag_1.mcap") == 110)
        recorder.send_signal(signal.SIGINT)
        assert recorder.wait() == 0
    ticks = recorded_ticks(folder)
    assert sorted(set(ticks)) == list(range(200))
    assert ticks[:100] == list(range(100))
    assert repair(folder / "bag").completed == ()
