"""Runs the node graph on hosts without ROS 2 launch: nodes as background processes, the console in the foreground."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from fleet_bringup.graph import arguments, node_graph, write_parameters
from fleet_bringup.run import Run
from fleet_cli.runner.domain import own_domain
from fleet_cli.runner.interrupts import Interrupts
from fleet_cli.runner.processes import Change, Processes
from fleet_cli.runner.shared_memory import remove_orphans
from fleet_cli.runner.supervisor_process import SupervisorProcess
from fleet_common.node import run as run_node
from fleet_contract.validation import EXIT_INPUT_ERROR
from fleet_views.console_node import ConsoleNode

EXIT_FAILED = 1
"""Exit code of a run that a needed node has ended."""


def up(run: Run, supervisor: SupervisorProcess, interrupts: Interrupts, *, headless: bool, log_level: str) -> int:
    """Run the fleet until its last tick or until it is stopped.

    Raises:
        KeyboardInterrupt: SIGINT was received before the console started.

    Returns:
        Exit code: 0 after the last tick, SIGINT or SIGTERM; 2 if a node refuses its input; 1 if a needed node fails.
    """
    nodes = node_graph(run, headless=headless)
    *others, console = nodes
    params_files = [write_parameters(nodes, run.folder), *([run.params_file] if run.params_file else [])]
    with own_domain(os.environ.get("ROS_DOMAIN_ID"), run.folder) as domain:
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        remove_orphans()
        print(f"run {run.folder}  (ROS_DOMAIN_ID={domain})", flush=True)
        try:
            with Processes(supervisor, others, run.folder, params_files, log_level) as processes:
                monitor = ProcessMonitor(processes)

                def make_console() -> ConsoleNode:
                    # From here on the node's own handler receives the signals.
                    interrupts.check()
                    return ConsoleNode(monitor)

                ended = run_node(make_console, args=arguments(console, params_files, log_level))
                # The console leaves ROS first: a participant that sees others leave can deadlock in Fast DDS (config/fastdds.xml).
                with ThreadPoolExecutor(1) as background:
                    background.submit(processes.stop)
                    ended.finish()
                return monitor.exit_code
        finally:
            remove_orphans()


class ProcessMonitor:
    """Reports to the console what happens to the other processes, and whether the run has failed."""

    def __init__(self, processes: Processes) -> None:
        self.exit_code = 0
        self._restarts: Counter[str] = Counter()
        self._processes = processes

    def __call__(self) -> list[str]:
        """Return what happened since the last call, one sentence each."""
        return [sentence for change in self._processes.changes() if (sentence := self._sentence(change))]

    def _sentence(self, change: Change) -> str:
        node = change.node
        if change.restarts > self._restarts[node]:
            self._restarts[node] = change.restarts
            return f"{node} exited unexpectedly ({change.ending}) and was restarted (restart {change.restarts})"
        if change.state not in {"EXITED", "BACKOFF", "FATAL"}:
            return ""
        if change.ending == f"exit status {EXIT_INPUT_ERROR}":
            self.exit_code = EXIT_INPUT_ERROR
            return self._processes.log_tail(node)
        if change.state == "FATAL" or self._processes.is_needed(node):
            self.exit_code = EXIT_FAILED
            return (
                f"{node} failed ({change.ending}) and the run ends. End of its log:\n{self._processes.log_tail(node)}"
            )
        return ""
