"""Steps that run once: a stamp says that one is finished, a line on the terminal says how it goes."""

from __future__ import annotations

import hashlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 20


class StepError(Exception):
    """A command of a step ended with an error."""


def digest(parts: Iterable[str | bytes]) -> str:
    """Hash the inputs of a step."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return total.hexdigest()


class Stamp:
    """A file that holds the digest of the inputs that a step was last finished with."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def matches(self, inputs: str) -> bool:
        """Tell whether the step was finished with these inputs."""
        try:
            return self._path.read_text() == inputs
        except OSError:
            return False

    def clear(self) -> None:
        """Forget that the step was finished: call before changing what it makes."""
        self._path.unlink(missing_ok=True)

    def write(self, inputs: str) -> None:
        """Record that the step is finished."""
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with draft.open("w") as file:
            file.write(inputs)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


class Step:
    """One line on the terminal, rewritten in place while the step runs."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = time.monotonic()
        self._live = sys.stderr.isatty()
        self.show("")

    def show(self, note: str) -> None:
        """Say what is going on now; only a terminal that can rewrite its line shows it."""
        if self._live:
            self._write(self._line(note))

    def done(self, note: str = "") -> None:
        """Leave the finished line behind."""
        self._write(self._line(note) + "\n")

    def fail(self, note: str) -> None:
        """Leave a line that says that the step failed."""
        self._write(self._line(f"failed: {note}") + "\n")

    def _line(self, note: str) -> str:
        return f"{self._title:<24}{time.monotonic() - self._started:6.1f} s  {note}".rstrip()

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r\033[K{text}" if self._live else text)
        sys.stderr.flush()


def run(
    step: Step,
    command: Sequence[str | Path],
    *,
    log: TextIO,
    note: Callable[[str], str | None],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    keep_open: Sequence[int] = (),
) -> None:
    """Run a command: all its output goes to the log, a short note on it to the step's line."""
    log.write(f"$ {' '.join(map(str, command))}\n")
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=env,
        cwd=cwd,
        pass_fds=keep_open,
    ) as process:
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        shown = ""
        while True:
            try:
                line = lines.get(timeout=1.0)
            except queue.Empty:
                step.show(shown)
                continue
            if line is None:
                break
            log.write(line)
            log.flush()
            tail.append(line)
            news = note(line)
            if news and news != shown:
                shown = news
                step.show(shown)
    if process.returncode:
        step.fail(f"exit code {process.returncode}, the last lines are below, all of them in {log.name}")
        sys.stderr.writelines(f"    {line}" for line in tail)
        raise StepError


def _read(output: Iterable[str] | None, lines: queue.SimpleQueue[str | None]) -> None:
    for line in output or ():
        lines.put(line)
    lines.put(None)
