"""The recorder tells the robots to begin when it sees every camera; where there is none, at once."""

from __future__ import annotations

import time
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool

from fleet_bags.recorder_node import RecorderNode
from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.ros import EVERY

CONFIG = Path(__file__).parents[3] / "launch/config"
PATIENCE_S = 20.0


def said_within(seconds, folder, contract) -> list[bool]:
    """What the recorder of a fleet, that nobody else is in, says until it has said something, or until then."""
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    tree["robots"]["contract"] = str(CONFIG / "robots" / contract)
    folder.mkdir()
    Fleet.model_validate(tree).write(folder / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={folder}"])
    recorder, listener, executor, said = RecorderNode(), rclpy.create_node("listener"), SingleThreadedExecutor(), []
    listener.create_subscription(Bool, "fleet/recording", lambda word: said.append(word.data), EVERY)
    executor.add_node(recorder)
    executor.add_node(listener)
    until = time.monotonic() + seconds
    while not said and time.monotonic() < until:
        executor.spin_once(timeout_sec=0.1)
    recorder.finish(executor)
    executor.shutdown()
    listener.destroy_node()
    recorder.destroy_node()
    rclpy.shutdown()
    return said


def test_without_cameras_it_says_so_at_once_and_with_cameras_it_waits_for_them(tmp_path):
    assert said_within(PATIENCE_S, tmp_path / "maze", "pointbot.yaml") == [True]
    assert said_within(2.0, tmp_path / "cells", "push_cell.yaml") == []
