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
    """State shared by Robot Web Services and the control loop; hold `lock` to use it."""

    def __init__(self, tasks: Mapping[str, RapidTask], data: RapidData, signals: Signals, period_s: float) -> None:
        """Create a controller with motors off; `period_s` is the period of a control step, s."""
        self.lock = threading.RLock()
        self.clock = ControllerClock(period_s)
        self.log = EventLog(self.clock)
        self.panel = OperatorPanel(self.log)
        self.rapid = Rapid(tasks, self.panel, self.log)
        self.data = data
        self.signals = signals
        self.arms = {task.arm.name: task.arm for task in tasks.values()}
        """Arms by mechanical unit."""

    def step(self) -> None:
        """Run one control step."""
        with self.lock:
            self.clock.tick()
            self.rapid.step(self.clock)
