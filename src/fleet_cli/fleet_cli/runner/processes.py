"""The nodes as processes, kept by supervisor: started, restarted with back-off when they crash, and stopped."""

from __future__ import annotations

import ctypes
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from xmlrpc.client import Fault, ServerProxy

from ament_index_python.packages import get_package_prefix
from supervisor.xmlrpc import SupervisorTransport

from fleet_bringup.graph import NodeSpec, arguments
from fleet_contract.validation import EXIT_INPUT_ERROR

START_S = 10.0
POLL_S = 0.02
GRACE_S = 2
"""Time that a node has to end before it is killed."""
RECORDER_GRACE_S = 10
"""The same for the recorder, which writes what is on its way: on a busy machine, seconds of images."""
STEADY_S = 5
"""A node that ends sooner is restarted later and later, at most RETRIES times."""
RETRIES = 5
RECORDER = "recorder"
STOPPED_IN_TURN = ("robots", "recorders", "others")
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Change:
    """A node's process is in another state than before."""

    node: str
    state: str
    """Of supervisor: STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL."""
    ending: str
    """How the process before this one, or the one that has ended, came to its end: "exit status 1", say."""
    restarts: int
    """How often the node was started again."""


class Processes:
    """All nodes of a run but those that run in the foreground.

    Use as a context: at its end every process is gone. Should this process itself be killed, they end as well.
    """

    def __init__(
        self, nodes: list[NodeSpec], folder: Path, environment: dict[str, str], params_files: list[Path], log_level: str
    ) -> None:
        self._logs = folder / "logs"
        self._logs.mkdir(exist_ok=True)
        self._environment = environment
        self._sections = [_section(node, self._logs, params_files, log_level) for node in nodes]
        self._nodes = {node.name: node for node in nodes}
        self._seen: dict[str, tuple[str, int]] = {}
        self._restarts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Start supervisor, and it the nodes.

        Raises:
            RuntimeError: supervisor does not start.
        """
        # Not in the run's folder, because the name of a socket must be short.
        self._state = tempfile.TemporaryDirectory(prefix="fleet-")
        home = Path(self._state.name)
        configuration, socket = home / "supervisord.conf", home / "supervisor.sock"
        configuration.write_text("\n".join([_preamble(home, self._logs), *self._sections, self._groups()]))
        with (self._logs / "supervisor.err").open("wb") as errors:
            self._daemon = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(configuration)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads yet
            )
        deadline = time.monotonic() + START_S
        while not socket.exists():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"supervisor did not start: {(self._logs / 'supervisor.err').read_text()}")
            time.sleep(POLL_S)
        transport = SupervisorTransport(None, None, serverurl=f"unix://{socket}")
        self._supervisor: Any = ServerProxy("http://localhost", transport=transport).supervisor
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what is still running."""
        self.stop()
        self._state.cleanup()

    def stop(self) -> None:
        """Let the robots rest, then the recorder write what was said, then stop all the others, and supervisor."""
        if self._daemon.poll() is not None:
            return
        with suppress(OSError, Fault):
            for group in STOPPED_IN_TURN:
                self._stop(group)
            self._supervisor.shutdown()
        try:
            self._daemon.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._daemon.terminate()
            self._daemon.wait()

    def _stop(self, group: str) -> None:
        """Stop the processes of a group and wait until they are gone; supervisor kills the one that takes too long."""
        if not self._members(group):
            return
        self._supervisor.stopProcessGroup(group, False)
        while any(
            info["group"] == group and info["statename"] not in {"STOPPED", "EXITED", "FATAL"}
            for info in self._supervisor.getAllProcessInfo()
        ):
            time.sleep(POLL_S)

    def changes(self) -> list[Change]:
        """What has changed since the last call."""
        try:
            infos = self._supervisor.getAllProcessInfo()
        except (OSError, Fault):
            return []
        changes = []
        for info in infos:
            name, state, pid = info["name"], info["statename"], info["pid"]
            before_state, before_pid = self._seen.get(name, ("STARTING", pid))
            self._seen[name] = state, pid or before_pid
            again = bool(before_pid) and pid not in {0, before_pid}
            self._restarts[name] += again
            if again or state != before_state:
                changes.append(Change(name, state, self._ending(name), self._restarts[name]))
        return changes

    def _ending(self, node: str) -> str:
        """What supervisor has written down; it does not tell otherwise when a node ends soon after its start."""
        log = (self._logs / "supervisor.log").read_text(encoding="utf-8")
        endings = re.findall(rf"exited: {node} \((.+?); ", log)
        return endings[-1] if endings else ""

    def is_needed(self, node: str) -> bool:
        """Whether the run ends when this node does."""
        return self._nodes[node].needed

    def last_words(self, node: str) -> str:
        """The end of what a node has said."""
        log = self._logs / f"{node}.log"
        return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() if log.exists() else ""

    def _members(self, group: str) -> list[str]:
        return [name for name, node in self._nodes.items() if _group(node) == group]

    def _groups(self) -> str:
        return "\n".join(
            f"[group:{group}]\nprograms={','.join(members)}"
            for group in STOPPED_IN_TURN
            if (members := self._members(group))
        )


def _preamble(home: Path, logs: Path) -> str:
    return f"""\
[supervisord]
logfile={_escaped(logs / "supervisor.log")}
pidfile={home}/supervisord.pid
childlogdir={_escaped(logs)}
[unix_http_server]
file={home}/supervisor.sock
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface"""


def _section(node: NodeSpec, logs: Path, params_files: list[Path], log_level: str) -> str:
    executable = Path(get_package_prefix(node.package)) / "lib" / node.package / node.executable
    words = [str(executable), *arguments(node, params_files, log_level)]
    return f"""\
[program:{node.name}]
command={_escaped(shlex.join(words))}
autorestart={"false" if node.needed else "unexpected"}
exitcodes=0,{EXIT_INPUT_ERROR}
startsecs={0 if node.closable else STEADY_S}
startretries={RETRIES}
stopsignal=INT
stopwaitsecs={RECORDER_GRACE_S if node.name == RECORDER else GRACE_S}
killasgroup=true
redirect_stderr=true
stdout_logfile={_escaped(logs / f"{node.name}.log")}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1"""


def _group(node: NodeSpec) -> str:
    if node.serves_robots:
        return "robots"
    return "recorders" if node.name == RECORDER else "others"


def _escaped(text: str | Path) -> str:
    """Supervisor takes percent signs for the beginning of a variable."""
    return str(text).replace("%", "%%")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
