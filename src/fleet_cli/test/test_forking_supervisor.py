"""A script that is run in a forked process behaves as in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = f"#!{sys.executable}"
CALL = (
    "import sys; from setproctitle import getproctitle; from fleet_cli.runner.forking_supervisor import ForkingOptions; getproctitle(); "
    "ForkingOptions().execve(sys.argv[1], sys.argv[1:], {'COLOUR': 'green'})"
)


def result(place: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Of a process that becomes this script."""
    program = place / "program"
    program.write_text(script)
    program.chmod(0o755)
    command = [sys.executable, "-c", CALL, str(program), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def alone(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Of the same script in a process of its own."""
    command = [str(place / "program"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"COLOUR": "green"})


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit()",
        "sys.exit(2)",
        "sys.exit('refused')",
        "1 / 0",
        "os._exit(7)",
        "os.kill(os.getpid(), signal.SIGTERM)",
    ],
)
def test_a_script_ends_as_it_would_alone(tmp_path, end):
    found = result(
        tmp_path,
        f"{PYTHON}\nimport os, signal, sys\nprint(sys.argv[1:], os.environ['COLOUR'], flush=True)\n{end}\n",
        "a b",
        "c",
    )
    expected = alone(tmp_path, "a b", "c")
    assert found.returncode == expected.returncode
    assert found.stdout == expected.stdout
    assert "'a b', 'c'" in found.stdout
    assert found.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


def test_ps_shows_the_command_of_the_script(tmp_path):
    script = f"{PYTHON}\nprint(open('/proc/self/cmdline').read())\n"
    shown = result(tmp_path, script, "--node", "gate").stdout
    assert shown.rstrip("\0\n") == f"{sys.executable} {tmp_path}/program --node gate"


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/usr/bin/env sh"])
def test_other_programs_are_executed(tmp_path, first):
    found = result(tmp_path, f"{first}\necho $COLOUR $1\nexit 5\n", "leaf")
    assert (found.stdout, found.returncode) == ("green leaf\n", 5)
