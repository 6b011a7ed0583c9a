"""Python environments beside the fleet's, for programs whose requirements contradict its own."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import _workspace
from _host import ROOT
from _steps import Stamp, Step, StepError, digest, run

if TYPE_CHECKING:
    from pathlib import Path

INTERPRETER = getattr(sys, "_base_executable", sys.executable)
"""The interpreter itself, not that of the environment that may be active."""


@dataclass(frozen=True)
class SideEnvironment:
    """An environment in a folder of the checkout; details of its making are in its setup.log."""

    title: str
    folder: str
    requirements: Path
    constraints: tuple[Path, ...] = ()

    def make(self) -> int:
        """Make the environment unless it is already the one that the files describe, and return the exit code."""
        venv = ROOT / self.folder
        stamp = Stamp(venv / ".packages-stamp")
        files = (self.requirements, *self.constraints)
        inputs = digest([str(venv), os.path.realpath(INTERPRETER), *(file.read_bytes() for file in files)])
        if stamp.matches(inputs):
            return 0
        try:
            with _workspace.alone() as lock:
                if not stamp.matches(inputs):
                    self._install(venv, lock)
                    stamp.write(inputs)
        except StepError:
            return 1
        except KeyboardInterrupt:
            sys.stderr.write("\nStopped. The next call starts again.\n")
            return 130
        return 0

    def _install(self, venv: Path, lock: int) -> None:
        shutil.rmtree(venv, ignore_errors=True)
        venv.mkdir()
        (venv / "COLCON_IGNORE").touch()
        install: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "install", "--no-input"]
        install += ["--progress-bar", "off", "--disable-pip-version-check", "--requirement", self.requirements]
        for file in self.constraints:
            install += ["--constraint", file]
        found: set[str] = set()

        def note(line: str) -> str | None:
            if line.startswith(("Collecting ", "Processing ")):
                found.add(line)
                return f"{len(found)} packages found"
            return "installing" if line.startswith("Installing collected packages: ") else None

        step = Step(self.title)
        with (venv / "setup.log").open("a") as log:
            run(step, [INTERPRETER, "-m", "venv", venv], log=log, note=lambda _: None, keep_open=[lock])
            run(step, install, log=log, note=note, cwd=venv, keep_open=[lock])
        step.done(f"{len(list(venv.glob('lib/python3*/site-packages/*.dist-info')))} packages in {venv.name}")
