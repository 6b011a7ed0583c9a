"""The runner keeps its processes: crashed nodes come back, Ctrl-C ends everything, runs do not disturb each other."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bags import counts, messages
from conftest import up
from test_bad_input import write

from fleet_cli.runner.shared_memory import SHARED

PATIENCE_S = 120


@contextmanager
def started(folder: Path, *words: str, domain: str = "") -> Iterator[subprocess.Popen[str]]:
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    if domain:
        environment["ROS_DOMAIN_ID"] = domain
    with subprocess.Popen(
        [sys.executable, "-m", "fleet_cli.main", "up", "--headless", "--report", str(folder), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(process: subprocess.Popen[str], word: str) -> str:
    """Read what the process says until a line has the word."""
    deadline = time.monotonic() + PATIENCE_S
    said = ""
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 1.0)[0]:
            said += (line := process.stdout.readline())
            if word in line:
                return line
            if not line:
                break
    raise AssertionError(f"{word!r} was never said: {said}")


def of_run(folder: Path) -> dict[int, str]:
    """Processes whose command line names the run's folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if f"{folder}/params.yaml" in words:
            found[int(entry.parent.name)] = words
    return found


def gone(folder: Path) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while of_run(folder) and time.monotonic() < deadline:
        os.sched_yield()
    return not of_run(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_with_a_report_and_exit_code_0(
    tmp_path: Path, tiny: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "out"
    with started(folder, "--fleet", str(tiny)) as process:
        wait_for(process, "tick ")
        assert len(of_run(folder)) == 9
        process.send_signal(number)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
    assert of_run(folder) == {}
    assert json.loads((folder / "summary.json").read_text())["ticks"] >= 0
    assert (folder / "bag" / "metadata.yaml").exists()
    assert not (folder / "logs" / "policy.log").read_text().count("Traceback")
    assert not _orphans()


def _orphans() -> list[str]:
    """Segments that nobody has mapped; other runs on the machine may be about to end, so it looks more than once."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        mapped = "".join(_read(maps) for maps in Path("/proc").glob("[0-9]*/maps"))
        segments = [file.name for file in SHARED.iterdir() if file.name.startswith("fastdds_")]
        orphans = [name for name in segments if name.removesuffix("_el") not in mapped]
        if not orphans or time.monotonic() > deadline:
            return orphans


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_killed_nodes_come_back_and_the_run_goes_on(tmp_path: Path, tiny: Path) -> None:
    folder = tmp_path / "out"
    with started(folder, "--fleet", str(tiny), "--ticks", "60") as process:
        wait_for(process, "tick ")
        assert not _waiting_in_shared_memory(folder)
        for node in ("policy_node", "allocator_node", "gate_node", "station_node", "trainer_node", "recorder_node"):
            os.kill(next(pid for pid, words in of_run(folder).items() if node in words), signal.SIGKILL)
            assert "SIGKILL" in wait_for(process, "was restarted (restart 1)")
        wait_for(process, "report")
        assert process.wait(PATIENCE_S) == 0
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["ticks"] == 60
    assert summary["policy_versions"] == [1, 2, 3]
    for topic, observations in messages(folder / "bag", "/observation").items():
        assert {message.tick for message in observations} == set(range(60)), topic


def _waiting_in_shared_memory(folder: Path) -> list[str]:
    """Nodes that a killed one could stop, because they wait for messages behind a lock that it shares."""
    return [
        words for pid, words in of_run(folder).items() if "/dev/shm/fastdds_port" in _read(Path(f"/proc/{pid}/maps"))
    ]


def test_the_run_fails_with_the_simulation(tmp_path: Path, tiny: Path) -> None:
    folder = tmp_path / "out"
    with started(folder, "--fleet", str(tiny)) as process:
        wait_for(process, "tick ")
        os.kill(next(pid for pid, words in of_run(folder).items() if "bridge_node" in words), signal.SIGKILL)
        wait_for(process, "bridge failed")
        assert process.wait(PATIENCE_S) == 1
    assert gone(folder)


def test_nothing_outlives_a_runner_that_is_killed(tmp_path: Path, tiny: Path) -> None:
    folder = tmp_path / "out"
    with started(folder, "--fleet", str(tiny)) as process:
        wait_for(process, "tick ")
        process.kill()
        process.wait()
        assert gone(folder)


def test_a_node_that_refuses_its_input_ends_the_run_with_its_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, lambda content: content["environment"].update(backend="isaacgym"))
    with started(tmp_path / "out", "--fleet", str(path)) as process:
        sentence = wait_for(process, "Isaac Gym")
        assert "mujoco" in sentence + process.stdout.read()
        assert process.wait(PATIENCE_S) == 2


def test_a_second_run_on_a_taken_domain_works(tmp_path: Path, tiny: Path) -> None:
    # In lockstep the first would leave the second little of the processors.
    with started(tmp_path / "one", "--fleet", str(tiny), "--real-time", domain="77") as first:
        assert "ROS_DOMAIN_ID=77" in wait_for(first, "ROS_DOMAIN_ID")
        wait_for(first, "tick ")
        with started(tmp_path / "two", "--fleet", str(tiny), "--ticks", "3", domain="77") as second:
            assert "ROS_DOMAIN_ID=77" not in wait_for(second, "ROS_DOMAIN_ID")
            assert second.wait(PATIENCE_S) == 0
        first.send_signal(signal.SIGINT)
        assert first.wait(PATIENCE_S) == 0
    assert json.loads((tmp_path / "two" / "summary.json").read_text())["ticks"] == 3


def test_an_earlier_run_in_the_folder_is_kept(tmp_path: Path, tiny: Path) -> None:
    first, second = (up(tmp_path / "out", "--fleet", str(tiny), "--ticks", ticks, "--headless") for ticks in ("2", "3"))
    assert (first.code, second.code, second.summary["ticks"]) == (0, 0, 3)
    kept = next(tmp_path.glob("out.until-*"))
    assert json.loads((kept / "summary.json").read_text())["ticks"] == 2


def test_in_real_time_a_run_ends_too_and_nothing_is_lost(tmp_path: Path, tiny: Path) -> None:
    ended = up(tmp_path / "out", "--fleet", str(tiny), "--ticks", "12", "--headless", "--real-time")
    assert ended.code == 0, ended.err
    found = counts(ended.folder / "bag")
    assert {found[f"/robot_{i:02d}/observation"] for i in range(1, 5)} == {12}
    assert (ended.summary["mode"], ended.summary["ticks"]) == ("real_time", 12)
    # On a busy machine an action may come too late, and the robot has held.
    assert all(6 < found[f"/robot_{i:02d}/action"] <= 12 for i in range(1, 5))
