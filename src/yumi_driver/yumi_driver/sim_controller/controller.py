"""The controller without its network: panel, program, data, signals and arms."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from yumi_driver.sim_controller.controller_clock import ControllerClock
from yumi_driver.sim_controller.event_log import EventLog
from yumi_driver.sim_controller.panel import OperatorPanel
from yumi_driver.sim_controller.rapid import Rapid
from yumi_driver.sim_controller.rapid_data import RapidData
from yumi_driver.sim_controller.rapid_task import RapidTask
from yumi_driver.sim_controller.signals import Signals


class Controller:
    """What Robot Web Services and the control loop share; whoever uses it holds `lock`."""

    def __init__(self, tasks: Mapping[str, RapidTask], data: RapidData, signals: Signals, period_s: float) -> None:
        """`period_s` is the time of a control step in seconds."""
        self.lock = threading.RLock()
        self.clock = ControllerClock(period_s)
        self.log = EventLog(self.clock)
        self.panel = OperatorPanel(self.log)
        self.rapid = Rapid(tasks, self.panel, self.log)
        self.data = data
        self.signals = signals
        self.arms = {task.arm.name: task.arm for task in tasks.values()}
        """By mechanical unit."""

    def step(self) -> None:
        """Make one control step."""
        with self.lock:
            self.clock.tick()
            self.rapid.step(self.clock)
