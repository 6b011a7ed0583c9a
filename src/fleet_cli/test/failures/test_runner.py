"""The runner keeps its processes: crashed nodes come back, Ctrl-C ends everything, runs do not disturb each other."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from bags import messages
from conftest import ROOT
from running import TIMEOUT_S, descendants, gone, of_run, read, started, wait_for, wait_until
from test_bad_input import write

from fleet_cli.runner.shared_memory import SHARED
from fleet_contract.action import ActionSource

pytestmark = pytest.mark.slow
TICKS = 30
PR_SET_CHILD_SUBREAPER = 36
"""Option of prctl(2)."""


def test_ctrl_c_ends_a_run_with_a_report_and_exit_code_0(tmp_path: Path) -> None:
    """The README's `./fleet up`, in which a terminal signals all processes. Impatient people press the keys twice."""
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    with subprocess.Popen(
        [ROOT / "fleet", "up"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_for(process, "tick ")
        (folder,) = tmp_path.glob("runs/*_block_push")
        nodes = of_run(folder)
        segments = shared_memory(nodes)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, output
    assert len(nodes) == 9
    assert of_run(folder) == {}
    assert json.loads((folder / "summary.json").read_text())["ticks"] >= 0
    assert (folder / "bag" / "metadata.yaml").exists()
    assert not (folder / "logs" / "policy.log").read_text().count("Traceback")
    assert segments
    assert [segment for segment in segments if segment.exists()] == []


@pytest.mark.parametrize("after_s", [0.3, 0.8, 1.3, 1.8, 2.3, 2.8, 3.3])
def test_ctrl_c_leaves_no_process_at_any_moment_of_a_start(after_s: float, tmp_path: Path) -> None:
    # Processes whose parent exits become children of this one.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before = descendants(os.getpid())
    with started(tmp_path / "out") as process:
        time.sleep(after_s)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=TIMEOUT_S)
    assert descendants(os.getpid()) <= before, output


def shared_memory(pids: Iterable[int]) -> list[Path]:
    """List the segments of shared memory that processes use for Fast DDS, with their locks."""
    maps = "".join(read(Path(f"/proc/{pid}/maps")) for pid in pids)
    names = set(re.findall(rf"{SHARED}/(fastdds_\w+)", maps))
    return [SHARED / f"{name}{lock}" for name in names for lock in ("", "_el")]


def test_killed_nodes_come_back_and_the_run_goes_on_but_not_without_the_simulation(tmp_path: Path, tiny: Path) -> None:
    folder = tmp_path / "out"
    with started(folder, "--fleet", str(tiny)) as process:
        wait_for(process, "tick ")
        # A killed node could stop those that wait for messages behind a lock that it shares.
        assert not [segment for segment in shared_memory(of_run(folder)) if segment.name.startswith("fastdds_port")]
        for node in ("policy_node", "allocator_node", "gate_node", "station_node", "trainer_node", "recorder_node"):
            kill(folder, node)
            assert "SIGKILL" in wait_for(process, "was restarted (restart 1)")
        wait_until(process, is_past_both_retrainings, f"tick {TICKS} and policy v3")
        kill(folder, "bridge_node")
        wait_for(process, "bridge failed")
        assert process.wait(TIMEOUT_S) == 1
    assert gone(folder)
    assert json.loads((folder / "summary.json").read_text())["policy_versions"] == [1, 2, 3]
    for topic, observations in messages(folder / "bag", "/observation").items():
        assert {message.tick for message in observations} >= set(range(TICKS)), topic


def is_past_both_retrainings(line: str) -> bool:
    return line.startswith("tick ") and int(line.split()[1]) >= TICKS and "policy v3" in line


def kill(folder: Path, node: str) -> None:
    os.kill(next(pid for pid, words in of_run(folder).items() if node in words), signal.SIGKILL)


def test_a_node_that_refuses_its_input_ends_the_run_with_its_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, lambda content: content["environment"].update(backend="isaacgym"))
    with started(tmp_path / "out", "--fleet", str(path)) as process:
        sentence = wait_for(process, "Isaac Gym")
        assert "mujoco" in sentence + process.stdout.read()
        assert process.wait(TIMEOUT_S) == 2


def test_a_second_run_on_a_taken_domain_works_and_nothing_outlives_a_killed_runner(
    tmp_path: Path, eager: Path, tiny: Path
) -> None:
    """In the second run humans are needed from the first tick on, and drive from the first tick on."""
    one, two = tmp_path / "one", tmp_path / "two"
    # In lockstep the first would leave the second little of the processors.
    with started(one, "--fleet", str(tiny), "--real-time", domain="77") as first:
        assert "ROS_DOMAIN_ID=77" in wait_for(first, "ROS_DOMAIN_ID")
        wait_for(first, "tick ")
        with started(two, "--fleet", str(eager), "--ticks", "4", domain="77") as second:
            assert "ROS_DOMAIN_ID=77" not in wait_for(second, "ROS_DOMAIN_ID")
            assert second.wait(TIMEOUT_S) == 0
        first.kill()
        first.wait()
        assert gone(one)
    assert json.loads((two / "summary.json").read_text())["ticks"] == 4
    tables = messages(two / "bag", "/leases")["/fleet/leases"]
    assert [len(table.leases) for table in tables] == [2] * 4
    streams = messages(two / "bag", "/action")
    for table in tables:
        driven = {name for name, stream in streams.items() if stream[table.tick].source == ActionSource.HUMAN}
        assert driven == {f"/{lease.robot}/action" for lease in table.leases}
