"""supervisor's process is there before the run is checked, and is gone whatever becomes of the run."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import TIMEOUT_S

from fleet_cli.runner.supervisor_process import SupervisorProcess

PROGRAM = f"""\
#!{sys.executable}
import os, sys
imported = "torch" in sys.modules and "rclpy" in sys.modules
import torch
torch.set_num_threads(2)
ones_KK = torch.ones(512, 512)
print(imported, float((ones_KK @ ones_KK).sum()), torch.get_num_threads(), os.environ["COLOUR"])
"""
COMMAND = """\
import os, sys
from pathlib import Path
from fleet_cli.runner.supervisor_process import SupervisorProcess
file, folder = map(Path, sys.argv[1:])
with SupervisorProcess() as supervisor:
    os.environ["COLOUR"] = "green"
    supervisor.start(file, folder / "err", timeout_s=60)
    out = folder / "out"
    while not (out.exists() and "\\n" in out.read_text()):
        assert supervisor.is_running()
print(supervisor.is_running())
"""
WAITING = """\
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # processes in the background inherit that it is ignored
from fleet_cli.runner.supervisor_process import SupervisorProcess
with SupervisorProcess() as supervisor:
    print("entered", flush=True)
    time.sleep(600)
"""


def configuration(folder: Path, program: Path) -> Path:
    """Of a supervisor that runs the program once."""
    file = folder / "supervisord.conf"
    file.write_text(
        f"[supervisord]\nlogfile={folder}/log\npidfile={folder}/pid\n"
        f"[program:it]\ncommand={program}\nautorestart=false\nstartsecs=0\nstdout_logfile={folder}/out\n"
    )
    return file


def test_a_node_finds_its_modules_imported_and_computes_with_threads(tmp_path: Path) -> None:
    """The command is a process of its own: in this one, other tests may have started threads, which forks do not have."""
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    file = configuration(tmp_path, program)
    command = subprocess.run(
        [sys.executable, "-c", COMMAND, str(file), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert command.stdout == "False\n", command.stderr
    assert (tmp_path / "out").read_text() == f"True {512.0**3} 2 green\n"


def test_a_supervisor_that_does_not_start_gives_its_reason(tmp_path: Path) -> None:
    with SupervisorProcess() as supervisor, pytest.raises(RuntimeError, match="no-such-file"):
        supervisor.start(tmp_path / "no-such-file", tmp_path / "err", timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_exits_with_the_command(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as command:
        assert command.stdout.readline() == b"entered\n"
        command.send_signal(number)
        # The output ends when the last process that could write to it has exited.
        assert command.stdout.read() == b""
        assert command.wait(TIMEOUT_S)
