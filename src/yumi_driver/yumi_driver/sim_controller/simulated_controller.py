"""The simulated controller for tests and drivers: its URL, its EGM ports, and access to its internals.

7 axes, 1 to 6 and then 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from yumi_driver.kinematics import ARM_KINEMATICS, HOME_DEG_7
from yumi_driver.sim_controller.access import Access
from yumi_driver.sim_controller.arm import YUMI_LIMITS, Arm, SpeedLimits
from yumi_driver.sim_controller.control_loop import ControlLoop
from yumi_driver.sim_controller.controller import Controller
from yumi_driver.sim_controller.digest import Digest
from yumi_driver.sim_controller.egm_link import EgmLink, free_udp_ports
from yumi_driver.sim_controller.egm_session import Guidance
from yumi_driver.sim_controller.free_space import FreeSpace
from yumi_driver.sim_controller.pace import ControlPace
from yumi_driver.sim_controller.rapid_data import RapidData
from yumi_driver.sim_controller.rapid_task import RapidTask
from yumi_driver.sim_controller.real_time_pace import RealTimePace
from yumi_driver.sim_controller.rws_server import RwsServer
from yumi_driver.sim_controller.signals import IoSignal, Signals
from yumi_driver.sim_controller.tool import Tool

MECHANICAL_UNITS: Mapping[str, str] = {"T_ROB_L": "ROB_L", "T_ROB_R": "ROB_R"}
"""Mechanical units by the motion task that moves them."""


class SimulatedController:
    """Simulates an IRC5 with a YuMi while its context lasts.

    It starts in automatic mode with motors off and the program pointers at main. `url` and `egm_ports` exist within the
    context only.
    """

    url: str
    """URL of Robot Web Services."""
    egm_ports: Mapping[str, int]
    """UDP ports of the sensors, by mechanical unit."""

    def __init__(
        self,
        *,
        user: str = "Default User",
        password: str = "robotics",  # noqa: S107 - the default of every controller
        http_port: int = 0,
        egm_ports: Mapping[str, int] | None = None,
        guidance: Guidance = Guidance.JOINT,
        timeout_s: float = 1.0,
        rate_hz: float = 250.0,
        limits: SpeedLimits = YUMI_LIMITS,
        start_deg_7: Mapping[str, NDArray[np.float64]] | None = None,
        tools: Mapping[str, Tool] | None = None,
        variables: Mapping[str, str] | None = None,
        signals: Mapping[str, IoSignal] | None = None,
        pace: ControlPace | None = None,
    ) -> None:
        """Configure the controller; it starts when the context is entered.

        Args:
            user: user of Robot Web Services.
            password: password of that user.
            http_port: port of Robot Web Services; 0 selects a free one.
            egm_ports: UDP ports of the sensors by mechanical unit; free ones by default.
            guidance: what sensors guide.
            timeout_s: time without a valid message after which an EGM session ends, s.
            rate_hz: rate of control steps and EGM messages, Hz.
            limits: speed limits of the tools' tips.
            start_deg_7: initial joint angles by mechanical unit, degrees; the calibration position by default.
            tools: tools of the arms by mechanical unit; free space by default.
            variables: initial values of persistent RAPID variables by path, such as `T_ROB_L/push_speed`.
            signals: signals by path, such as `Local/DRV_1/gripper_closed`.
            pace: timing of control steps; real time by default.

        Raises:
            NotAValue: the initial value of a variable is no RAPID value.
        """
        self._digest = Digest(user, password)
        self._http_port = http_port
        self._egm_ports = egm_ports
        self._guidance = guidance
        self._timeout_s = timeout_s
        self._period_s = 1.0 / rate_hz
        self._limits = limits
        self._start_deg_7 = {**HOME_DEG_7, **(start_deg_7 or {})}
        self._tools = tools or {}
        self._data = RapidData(variables or {})
        self._signals = Signals(signals or {})
        self._pace = pace or RealTimePace(self._period_s)
        self._context = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as context:
            links = self._links()
            for link in links.values():
                context.callback(link.close)
            self._controller = Controller(self._tasks(links), self._data, self._signals, self._period_s)
            server = RwsServer(self._controller, Access(self._digest), self._http_port)
            context.callback(server.close)
            context.callback(ControlLoop(self._controller, self._pace).close)
            self.url = f"http://127.0.0.1:{server.port}"
            self.egm_ports = {unit: link.sensor_port for unit, link in links.items()}
            self._context = context.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    @contextmanager
    def held(self) -> Iterator[Controller]:
        """Yield the controller's internals while no control step runs."""
        with self._controller.lock:
            yield self._controller

    def _links(self) -> dict[str, EgmLink]:
        # Reserve the ports until the links have bound their own, which must not be these.
        with free_udp_ports(len(MECHANICAL_UNITS)) as free:
            ports = self._egm_ports or dict(zip(MECHANICAL_UNITS.values(), free, strict=True))
            return {unit: EgmLink(ports[unit]) for unit in MECHANICAL_UNITS.values()}

    def _tasks(self, links: Mapping[str, EgmLink]) -> dict[str, RapidTask]:
        tasks = {}
        for name, unit in MECHANICAL_UNITS.items():
            tool = self._tools.get(unit, FreeSpace())
            arm = Arm(unit, ARM_KINEMATICS[unit], tool, self._limits, self._start_deg_7[unit])
            tasks[name] = RapidTask(name, arm, links[unit], self._guidance, self._timeout_s)
        return tasks
