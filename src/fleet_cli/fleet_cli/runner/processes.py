"""Runs the nodes as processes under supervisor, which restarts crashed ones with back-off."""

from __future__ import annotations

import os
import re
import shlex
import socket
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

from fleet_bringup.graph import arguments
from fleet_bringup.node_spec import NodeSpec
from fleet_cli.runner.supervisor_process import SupervisorProcess
from fleet_contract.validation import EXIT_INPUT_ERROR

START_S = 60.0
"""Time within which supervisor starts, s; on a busy machine it may still import what the nodes need."""
POLL_S = 0.02
"""Time between two looks at a process that starts or stops, s."""
GRACE_S = 2
"""Time that a node has to exit before it is killed, s."""
RECORDER_GRACE_S = 10
"""Time that the recorder has to exit, s: on a busy machine it has seconds of images to write."""
STEADY_S = 5
"""Run time below which a node counts as crashed at its start, and is restarted with back-off, s."""
RETRIES = 5
"""Number of restarts in a row of a node that crashes at its start."""
RECORDER = "recorder"
LOGS = "logs"
GROUPS = ("robots", "recorders", "others")
"""Groups of nodes in the order in which they are started, because the first ones take longest, and stopped."""


@dataclass(frozen=True)
class Change:
    """A change of state of a node's process."""

    node: str
    state: str
    """State in supervisor: STARTING, RUNNING, BACKOFF, STOPPING, EXITED or FATAL."""
    ending: str
    """How the node's last process exited, such as "exit status 1"; empty if none has."""
    restarts: int
    """Number of restarts of the node."""


class Processes:
    """Runs the background nodes of a run.

    This is a context manager, at whose end every process has exited. If this process is killed, they exit as well.
    """

    def __init__(
        self,
        process: SupervisorProcess,
        nodes: list[NodeSpec],
        folder: Path,
        params_files: list[Path],
        log_level: str,
    ) -> None:
        self._process = process
        self._logs = folder / "logs"
        self._logs.mkdir(exist_ok=True)
        self.commands = {node.name: _command(node, params_files, log_level) for node in nodes}
        """Command line of every node."""
        self._nodes = {node.name: node for node in nodes}
        self._seen: dict[str, tuple[str, int]] = {}
        """State and number of restarts of every node at the last look."""

    def __enter__(self) -> Self:
        """Start supervisor, which starts the nodes.

        Raises:
            RuntimeError: supervisor does not start.
        """
        # The run's folder will not do: the path of a socket has at most 107 characters.
        self._state = tempfile.TemporaryDirectory(prefix="fleet-")
        home = Path(self._state.name)
        # Nor will its name in supervisor's configuration, in which some characters mean something else, also in quotes.
        (home / LOGS).symlink_to(self._logs.absolute())
        configuration, address = home / "supervisord.conf", home / "supervisor.sock"
        sections = [_section(node, home / LOGS) for node in self._nodes.values()]
        configuration.write_text("\n".join([_preamble(home), *sections, self._groups()]))
        os.environ.update({_variable(name): command for name, command in self.commands.items()})
        self._process.start(configuration, self._logs / "supervisor.err", timeout_s=START_S)
        self._transport = SupervisorTransport(None, None, serverurl=f"unix://{address}")
        self._supervisor: Any = ServerProxy("http://localhost", transport=self._transport).supervisor
        # Supervisor starts the nodes when it has waited for a second, or somebody connects. An answer would come after their start.
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(str(address))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes that are still running."""
        self.stop()
        self._state.cleanup()

    def stop(self) -> None:
        """Stop the robots first, then the recorder, which writes what was published, then all other nodes and supervisor."""
        if not self._process.is_running():
            return
        with suppress(OSError, Fault):
            for group in GROUPS:
                self._stop(group)
            self._supervisor.shutdown()
        # Supervisor exits when it is next asked something or a connection ends, or else after a second.
        self._transport.close()
        self._process.stop(GRACE_S)

    def _stop(self, group: str) -> None:
        """Stop the processes of a group and wait until they have exited; supervisor kills those that take too long."""
        if not self._members(group):
            return
        self._supervisor.stopProcessGroup(group, False)
        while any(
            info["group"] == group and info["statename"] not in {"STOPPED", "EXITED", "FATAL"}
            for info in self._supervisor.getAllProcessInfo()
        ):
            time.sleep(POLL_S)

    def changes(self) -> list[Change]:
        """Return what changed since the last call."""
        try:
            infos = self._supervisor.getAllProcessInfo()
        except (OSError, Fault):
            return []
        # A node that crashes at its start may do so before the first look: only the log knows how often each one was started.
        log = (self._logs / "supervisor.log").read_text(encoding="utf-8")
        starts = Counter(re.findall(r"spawned: '(.+?)' ", log))
        changes = []
        for info in infos:
            name, seen = info["name"], (info["statename"], max(starts[info["name"]] - 1, 0))
            if seen != self._seen.get(name, ("STARTING", 0)):
                self._seen[name] = seen
                changes.append(Change(name, seen[0], _ending(log, name), seen[1]))
        return changes

    def is_needed(self, node: str) -> bool:
        """Return whether the run ends when this node exits."""
        return self._nodes[node].needed

    def log_tail(self, node: str) -> str:
        """Return the end of a node's log."""
        log = self._logs / f"{node}.log"
        return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() if log.exists() else ""

    def _members(self, group: str) -> list[str]:
        return [name for name, node in self._nodes.items() if _group(node) == group]

    def _groups(self) -> str:
        return "\n".join(
            f"[group:{group}]\nprograms={','.join(members)}\npriority={priority}"
            for priority, group in enumerate(GROUPS)
            if (members := self._members(group))
        )


def _ending(log: str, node: str) -> str:
    """Return how a node's last process exited, from supervisor's log: its API tells nothing of one that exits soon after its start."""
    endings = re.findall(rf"exited: {node} \((.+?); ", log)
    return endings[-1] if endings else ""


def _preamble(home: Path) -> str:
    return f"""\
[supervisord]
logfile={home / LOGS}/supervisor.log
pidfile={home}/supervisord.pid
childlogdir={home / LOGS}
[unix_http_server]
file={home}/supervisor.sock
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface"""


def _command(node: NodeSpec, params_files: list[Path], log_level: str) -> str:
    """Return the command line of a node."""
    executable = Path(get_package_prefix(node.package)) / "lib" / node.package / node.executable
    return shlex.join([str(executable), *arguments(node, params_files, log_level)])


def _variable(node: str) -> str:
    """Return the environment variable that holds a node's command line."""
    return f"FLEET_COMMAND_{node.upper()}"


def _section(node: NodeSpec, logs: Path) -> str:
    return f"""\
[program:{node.name}]
command=%(ENV_{_variable(node.name)})s
autorestart={"false" if node.needed else "unexpected"}
exitcodes=0,{EXIT_INPUT_ERROR}
startsecs={0 if node.closable else STEADY_S}
startretries={RETRIES}
stopsignal=INT
stopwaitsecs={RECORDER_GRACE_S if node.name == RECORDER else GRACE_S}
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{node.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1"""


def _group(node: NodeSpec) -> str:
    if node.serves_robots:
        return "robots"
    return "recorders" if node.name == RECORDER else "others"
