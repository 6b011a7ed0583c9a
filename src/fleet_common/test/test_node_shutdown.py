"""A node ends: also when it finds no way out of ROS."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from fleet_common import node

class Node(node.FleetNode):
    finished = True
    def __init__(self):
        node.Node.__init__(self, "stuck")
    def close(self):
        held = threading.Lock()
        held.acquire()
        held.acquire(blocking={stuck})

node.LEAVE_S = 0.5
node.run_process(Node, at_end=lambda *_: print("said", flush=True))
"""


def _end(*, stuck: bool) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM.format(stuck=stuck)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_node_that_is_stuck_is_ended_and_tells_where() -> None:
    ended = _end(stuck=True)
    assert (ended.returncode, ended.stdout) == (1, "said\n")
    assert "in close" in ended.stderr


def test_a_node_that_is_not_stuck_ends_in_silence() -> None:
    ended = _end(stuck=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "said\n", "")
