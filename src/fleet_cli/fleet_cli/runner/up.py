"""The runner for hosts without launch: the node graph as processes, the console in the foreground."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from fleet_bringup.graph import ENVIRONMENT, arguments, node_graph, write_parameters
from fleet_bringup.run_setup import Run
from fleet_cli.runner.console_node import ConsoleNode
from fleet_cli.runner.domain import own_domain
from fleet_cli.runner.processes import Change, Processes
from fleet_cli.runner.shared_memory import remove_orphans
from fleet_common.node import run as run_node
from fleet_contract.validation import EXIT_INPUT_ERROR

EXIT_FAILED = 1


def up(run: Run, *, headless: bool, log_level: str) -> int:
    """Run the fleet until its last tick or until it is stopped.

    Returns:
        Exit code: 0 at the end or after SIGINT or SIGTERM, 2 if a node refuses its input, 1 if one that is needed fails.
    """
    nodes = node_graph(run, headless=headless)
    *others, console = nodes
    params_files = [write_parameters(nodes, run.folder), *([run.params_file] if run.params_file else [])]
    with own_domain(os.environ.get("ROS_DOMAIN_ID"), run.folder) as domain:
        environment = ENVIRONMENT | os.environ | {"ROS_DOMAIN_ID": str(domain)}
        os.environ.update(environment)
        remove_orphans()
        print(f"run {run.folder}  (ROS_DOMAIN_ID={domain})", flush=True)
        try:
            with Processes(others, run.folder, environment, params_files, log_level) as processes:
                watch = ProcessMonitor(processes)
                ended = run_node(lambda: ConsoleNode(watch), args=arguments(console, params_files, log_level))
                # The console has left ROS first: who sees others leave can lock up in Fast DDS (see config/fastdds.xml).
                with ThreadPoolExecutor(1) as beside:
                    beside.submit(processes.stop)
                    ended.finish()
                return watch.exit_code
        finally:
            remove_orphans()


class ProcessMonitor:
    """Tells the console what happens to the other processes, and whether the run can go on."""

    def __init__(self, processes: Processes) -> None:
        self.exit_code = 0
        self._restarts: Counter[str] = Counter()
        self._processes = processes

    def __call__(self) -> list[str]:
        """What has happened since the last call, a sentence each."""
        return [sentence for change in self._processes.changes() if (sentence := self._sentence(change))]

    def _sentence(self, change: Change) -> str:
        node = change.node
        if change.restarts > self._restarts[node]:
            self._restarts[node] = change.restarts
            return f"{node} has ended unexpectedly ({change.ending}) and was started again (restart {change.restarts})"
        if change.state not in {"EXITED", "BACKOFF", "FATAL"}:
            return ""
        if change.ending == f"exit status {EXIT_INPUT_ERROR}":
            self.exit_code = EXIT_INPUT_ERROR
            return self._processes.last_words(node)
        if change.state == "FATAL" or self._processes.is_needed(node):
            self.exit_code = EXIT_FAILED
            return f"{node} has failed ({change.ending}) and the run ends; it said last:\n{self._processes.last_words(node)}"
        return ""
