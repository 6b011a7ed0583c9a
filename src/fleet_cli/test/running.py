"""Start a fleet, and watch its processes from outside."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_S = 600
"""Limit for what takes seconds on an idle machine."""


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
    return wait_until(process, lambda line: word in line, repr(word))


def wait_until(process: subprocess.Popen[str], is_it: Callable[[str], bool], what: str) -> str:
    """Read what the process says until a line is the one that is waited for."""
    deadline = time.monotonic() + TIMEOUT_S
    said = ""
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 1.0)[0]:
            said += (line := process.stdout.readline())
            if is_it(line):
                return line
            if not line:
                break
    raise AssertionError(f"{what} was never said: {said}")


def wait_for_file(path: Path) -> None:
    """Wait until there is a file."""
    deadline = time.monotonic() + TIMEOUT_S
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


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
    deadline = time.monotonic() + TIMEOUT_S
    while of_run(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not of_run(folder)


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def descendants(pid: int) -> set[int]:
    """Processes below this one that have not exited."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        state, parent, *_ = read(entry).rpartition(")")[2].split() or ("Z", "0")
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry.parent.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.update(below)
        waiting += below
    return found
