"""Shows the fleet in the terminal, and writes the report when the run ends."""

from __future__ import annotations

import json
import sys
import time
from typing import NoReturn, Protocol

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rich.console import Console
from rich.live import Live

from fleet_common.diagnostics import check_from_status
from fleet_common.fleet_topics import (
    subscribe_to_actions,
    subscribe_to_leases,
    subscribe_to_signal,
    subscribe_to_states,
)
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_1000
from fleet_contract.action import RobotAction
from fleet_contract.lease_table import LeaseTable
from fleet_contract.robot_states import RobotStates
from fleet_contract.signal import UNCERTAINTY, Signal
from fleet_contract.topics import ACTIONS_TOPIC, DIAGNOSTICS_AGGREGATED_TOPIC
from fleet_views.history import History
from fleet_views.incidents import Incidents
from fleet_views.live_view import line, training_of, view
from fleet_views.summary import summarise

WATCH_PERIOD_S = 1.0
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
        self.history = History(self.fleet)
        self.incidents = Incidents()
        self._training = ""
        self._began = self._ended = 0.0
        self._pace = [(time.monotonic(), 0)]
        subscribe_to_states(self, self._on_states)
        subscribe_to_actions(self, ACTIONS_TOPIC, self._on_actions, TRANSIENT_LOCAL_1000)
        subscribe_to_signal(self, UNCERTAINTY, self._on_signals, TRANSIENT_LOCAL_1000)
        subscribe_to_leases(self, self._on_leases, TRANSIENT_LOCAL_1000)
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

    def _on_states(self, batches: list[RobotStates]) -> None:
        for states in batches:
            for row, robot in enumerate(states.robots):
                self.history.add_status(
                    robot,
                    states.tick,
                    successes=int(states.successes_N[row]),
                    hard_resets=int(states.hard_resets_N[row]),
                )
        self._ended = time.monotonic()
        if self.history.tick >= 0 and not self._began:
            self._began = self._ended
            self._show()
        self._finish_if_complete()

    def _on_actions(self, batches: list[dict[str, RobotAction]]) -> None:
        for batch in batches:
            for robot, action in batch.items():
                self.history.add_action(robot, action)
        self._finish_if_complete()

    def _on_signals(self, signals: list[Signal]) -> None:
        for signal in signals:
            self.history.unit = signal.unit
            self.history.add_uncertainties(signal.tick, signal.version, signal.by_robot)
        self._finish_if_complete()

    def _on_leases(self, tables: list[LeaseTable]) -> None:
        for table in tables:
            self.history.add_leases(
                table.tick, table.leases, table.waiting, table.threshold(UNCERTAINTY), len(table.dismissals)
            )
        self._finish_if_complete()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        checks = [check_from_status(status) for status in message.status]
        self.incidents.update(checks, time.monotonic())
        self._training = training_of(checks)

    def _finish_if_complete(self) -> None:
        """End the run once everything about its last tick is known.

        The robots' last status may arrive before the messages that led to it, some of which never arrive in real time.
        """
        if self._ticks and self.history.tick >= self._ticks:
            if self.history.is_complete(self._ticks - 1):
                self.end()
            if self._last_messages.is_canceled():
                self._last_messages.reset()

    def _finish(self) -> None:
        self.end()

    def _show(self) -> None:
        now = (time.monotonic(), max(self.history.tick, 0))
        self._pace = [past for past in self._pace if now[0] - past[0] < RATE_WINDOW_S] + [now]
        elapsed = now[0] - self._pace[0][0]
        rate_hz = (now[1] - self._pace[0][1]) / elapsed if elapsed > 0 else 0.0
        if self._live:
            shown = view(
                self.history, self.incidents.troubles, ticks=self._ticks, rate_hz=rate_hz, training=self._training
            )
            self._live.update(shown, refresh=True)
        elif self._began:
            print(line(self.history, ticks=self._ticks, rate_hz=rate_hz, training=self._training), flush=True)

    def _check_processes(self) -> None:
        """Print what happened to the other processes, and end when the run has failed."""
        if self._watch:
            for sentence in self._watch():
                self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)
            if self._watch.exit_code:
                self.end()

    def finish(self, *_: object) -> None:
        """Print the headline of the report, write it, and print its folder."""
        if self._live:
            self._show()
            self._live.stop()
        bag = self.run_dir / "bag" if self._recording else None
        wall_s = self._ended - self._began
        summary = summarise(self.history, seed=self._seed, bag=bag, wall_s=wall_s)
        summary["diagnostics"] = self.incidents.summary()
        for key in ("ticks", "successes", "hard_resets", "human_actions", "rohe", "policy_versions", "tick_rate_hz"):
            value = summary[key]
            print(f"{key.replace('_', ' '):>16}  {f'{value:.4g}' if isinstance(value, float) else value}", flush=True)
        (self.run_dir / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        if self.history.ticks:
            # Importing the drawing library takes longer than a tick.
            from fleet_views.run_figure import draw_run

            draw_run(self.history).savefig(self.run_dir / "run.png", dpi=110)
        print(f"{'report':>16}  {self.run_dir}", flush=True)


def main() -> NoReturn:
    """Run the node."""
    run_process(ConsoleNode, at_end=ConsoleNode.finish)
