"""Shows the fleet in the terminal, and writes the report when the run ends."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import NoReturn, Protocol

from diagnostic_msgs.msg import DiagnosticArray
from fleet_interfaces.msg import LeaseTable, PolicyReport, RobotAction, RobotStatus
from rclpy.clock import Clock, ClockType
from rich.console import Console
from rich.live import Live

from fleet_common.diagnostics import check_from_status
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_1000
from fleet_contract.action import action_of
from fleet_contract.lease import lease_of
from fleet_contract.topics import DIAGNOSTICS_AGGREGATED_TOPIC, LEASES_TOPIC, POLICY_REPORT_TOPIC
from fleet_views.history import History
from fleet_views.incidents import Incidents
from fleet_views.live_view import line, view

WATCH_PERIOD_S = 0.5
"""Time between two checks of the other processes, s."""
REDRAW_PERIOD_S = 0.25
"""Time between two frames of the live view, s."""
PRINT_PERIOD_S = 5.0
"""Time between two lines without live view, s."""
RATE_WINDOW_S = 12.0
"""Time over which the tick rate is averaged, s."""
LAST_MESSAGES_S = 3.0
"""Time that the last messages of a run have to arrive after the robots' last status, s."""


class ProcessWatch(Protocol):
    """Monitors the other processes of the run."""

    exit_code: int
    """Exit code of the run; not zero once the run has failed."""

    def __call__(self) -> list[str]:
        """Return what happened since the last call, one sentence each."""


class ConsoleNode(FleetNode):
    """Shows a run and ends it, when everything about the last tick is known, or `LAST_MESSAGES_S` after the robots' last status."""

    def __init__(self, watch: ProcessWatch | None = None) -> None:
        """Create the node; `watch` reports on the other processes if this process has started them."""
        super().__init__("console")
        self._watch = watch
        self._seed = self.read_only_parameter("seed", 0, "Seed of the run, for the report.")
        self._ticks = self.read_only_parameter(
            "ticks", 0, "Number of ticks after which the run ends; 0 runs until it is stopped."
        )
        self._recording = self.read_only_parameter("recording", True, "Whether the run is recorded into a bag.")
        headless = self.read_only_parameter(
            "headless", False, "Print a line every few seconds instead of the live view."
        )
        self.finished = False
        self.history = History(self.fleet)
        self.incidents = Incidents()
        self._began = self._ended = 0.0
        self._pace = [(time.monotonic(), 0)]
        contract = self.robot_contract
        for name in self.fleet.robot_names:
            status, action = partial(self._on_status, name), partial(self._on_action, name)
            self.create_subscription(RobotStatus, f"{name}/{contract.success.topic}", status, TRANSIENT_LOCAL_1000)
            self.create_subscription(RobotAction, f"{name}/{contract.action.topic}", action, TRANSIENT_LOCAL_1000)
        self.create_subscription(PolicyReport, POLICY_REPORT_TOPIC, self._on_report, TRANSIENT_LOCAL_1000)
        self.create_subscription(LeaseTable, LEASES_TOPIC, self._on_leases, TRANSIENT_LOCAL_1000)
        self.create_subscription(DiagnosticArray, DIAGNOSTICS_AGGREGATED_TOPIC, self._on_diagnostics, TRANSIENT_LOCAL_1)
        self._console = Console(stderr=False)
        self._live = None if headless or not sys.stdout.isatty() else Live(console=self._console, auto_refresh=False)
        if self._live:
            self._live.start()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(REDRAW_PERIOD_S if self._live else PRINT_PERIOD_S, self._show, clock=steady)
        self._last_messages = self.create_timer(LAST_MESSAGES_S, self._finish, clock=steady, autostart=False)
        if watch:
            self.create_timer(WATCH_PERIOD_S, self._check_processes, clock=steady)

    def _on_status(self, robot: str, message: RobotStatus) -> None:
        self.history.add_status(
            robot,
            message.tick,
            successes=message.successes,
            hard_resets=message.hard_resets,
        )
        self._ended = time.monotonic()
        if message.tick == 0 and not self._began:
            self._began = self._ended
            self._show()
        self._finish_if_complete()

    def _on_action(self, robot: str, message: RobotAction) -> None:
        self.history.add_action(robot, action_of(message))
        self._finish_if_complete()

    def _on_report(self, message: PolicyReport) -> None:
        uncertainties = dict(zip(message.robots, message.uncertainties, strict=True))
        self.history.add_report(message.tick, message.policy_version, uncertainties)
        self._finish_if_complete()

    def _on_leases(self, message: LeaseTable) -> None:
        leases = tuple(lease_of(lease) for lease in message.leases)
        self.history.add_leases(message.tick, leases, tuple(message.waiting), message.threshold)
        self._finish_if_complete()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.incidents.update(map(check_from_status, message.status), time.monotonic())

    def _finish_if_complete(self) -> None:
        """End the run once everything about its last tick is known.

        The robots' last status may arrive before the messages that led to it, some of which never arrive in real time.
        """
        if self._ticks and self.history.tick >= self._ticks:
            self.finished = self.history.is_complete(self._ticks - 1)
            if self._last_messages.is_canceled():
                self._last_messages.reset()

    def _finish(self) -> None:
        self.finished = True

    def _show(self) -> None:
        now = (time.monotonic(), max(self.history.tick, 0))
        self._pace = [past for past in self._pace if now[0] - past[0] < RATE_WINDOW_S] + [now]
        elapsed = now[0] - self._pace[0][0]
        rate_hz = (now[1] - self._pace[0][1]) / elapsed if elapsed > 0 else 0.0
        if self._live:
            shown = view(self.history, self.incidents.troubles, ticks=self._ticks, rate_hz=rate_hz)
            self._live.update(shown, refresh=True)
        elif self._began:
            print(line(self.history, ticks=self._ticks, rate_hz=rate_hz), flush=True)

    def _check_processes(self) -> None:
        """Print what happened to the other processes, and end when the run has failed."""
        if self._watch:
            for sentence in self._watch():
                self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)
            self.finished = self.finished or bool(self._watch.exit_code)

    def finish(self, *_: object) -> None:
        """Write the report, and print its headline and folder."""
        from fleet_views.summary import summarise, write_report

        if self._live:
            self._show()
            self._live.stop()
        bag = self.run_dir / "bag" if self._recording else None
        wall_s = self._ended - self._began
        summary = summarise(self.history, seed=self._seed, bag=bag, wall_s=wall_s)
        summary["diagnostics"] = self.incidents.summary()
        write_report(self.run_dir, self.history, summary)
        for key in ("ticks", "successes", "hard_resets", "human_actions", "rohe", "policy_versions", "tick_rate_hz"):
            value = summary[key]
            print(f"{key.replace('_', ' '):>16}  {f'{value:.4g}' if isinstance(value, float) else value}")
        print(f"{'report':>16}  {self.run_dir}", flush=True)


def main() -> NoReturn:
    """Run the node."""
    run_process(ConsoleNode, at_end=ConsoleNode.finish)
