"""A node's process exits, even if the node does not shut down."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from fleet_common import node

class Node(node.FleetNode):
    def __init__(self):
        node.Node.__init__(self, "hangs")
        self.ended = node.Future()
        self.end()
    def close(self):
        held = threading.Lock()
        held.acquire()
        held.acquire(blocking={hangs})

node.SHUTDOWN_TIMEOUT_S = 0.5
node.run_process(Node, at_end=lambda *_: print("done", flush=True))
"""


def _exited(*, hangs: bool) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(hangs=hangs)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_node_that_hangs_exits_with_the_stacks_of_its_threads() -> None:
    exited = _exited(hangs=True)
    assert (exited.returncode, exited.stdout) == (1, "done\n")
    assert "in close" in exited.stderr


def test_a_node_that_shuts_down_prints_nothing() -> None:
    exited = _exited(hangs=False)
    assert (exited.returncode, exited.stdout, exited.stderr) == (0, "done\n", "")
