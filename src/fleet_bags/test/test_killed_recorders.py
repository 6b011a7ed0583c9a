"""A recorder that is killed at a random time loses at most its last second, and the next one continues its bag."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from feed import Feed, read_by_mcap, read_by_rosbags

from fleet_bags.bag import bag_folder, files_of
from fleet_bags.repair import repair

pytestmark = pytest.mark.slow
KILLS = 50
PATIENCE_S = 20.0
LOST_MESSAGES = 1000
"""Messages of one second of the feeder's clock."""


@pytest.fixture(scope="module")
def feeder():
    """Start a process that forks recorders, which start at once because everything is imported."""
    script = Path(__file__).with_name("feeder.py")
    with subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{script.parent}:{os.environ.get('PYTHONPATH', '')}"},
    ) as process:
        yield process
        process.stdin.close()


def killed(feeder, home, delay_s):
    """Kill a recorder after a delay; return how many messages it had written."""
    count = home / "count"
    feeder.stdin.write(f"{home}\n")
    feeder.stdin.flush()
    child = int(feeder.stdout.readline())
    deadline = time.monotonic() + PATIENCE_S
    while not (count.exists() and any(count.read_bytes())):
        assert time.monotonic() < deadline
    time.sleep(delay_s)  # a random time, not a wait for an event
    os.kill(child, signal.SIGKILL)
    assert feeder.stdout.readline() == "ended\n"
    return int.from_bytes(count.read_bytes(), "little")


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_recorder_loses_at_most_a_second(tmp_path, feeder, seed):
    written = killed(feeder, tmp_path, random.Random(seed).uniform(0.0, 0.08))
    folder = bag_folder(tmp_path)
    repair(folder)
    found = sorted(
        (int(text), received_ns) for messages in read_by_mcap(folder).values() for received_ns, text in messages
    )
    numbers = [number for number, _ in found]
    assert numbers == list(range(len(numbers)))
    assert written - LOST_MESSAGES <= len(numbers) <= written + 1


def test_the_next_recorder_repairs_the_bag_and_continues_in_a_new_file(tmp_path, feeder):
    written = killed(feeder, tmp_path, 0.1)
    files = len(files_of(tmp_path / "bag"))
    feed = Feed(tmp_path / "bag")
    feed.write("/fleet/leases", "I am back")
    feed.close()
    assert files_of(tmp_path / "bag")[files:] == [tmp_path / "bag" / f"bag_{files}.mcap"]
    found = read_by_rosbags(tmp_path / "bag")
    assert [text for _, text in found.pop("/fleet/leases")] == ["I am back"]
    numbers = sorted(int(text) for messages in found.values() for _, text in messages)
    assert numbers == list(range(len(numbers)))
    assert written - LOST_MESSAGES <= len(numbers) <= written + 1
    assert repair(tmp_path / "bag").completed == ()
