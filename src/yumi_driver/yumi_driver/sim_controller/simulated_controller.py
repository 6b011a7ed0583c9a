"""The simulated controller as tests and drivers see it: an address, two ports, and the hands of a person beside it.

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
"""By the motion task that moves them."""


class SimulatedController:
    """An IRC5 with a YuMi; on while the context lasts.

    It starts in automatic mode with motors off and the program pointers at main. Attributes that the context sets are
    there within it only.
    """

    url: str
    """Where Robot Web Services are."""
    egm_ports: Mapping[str, int]
    """The UDP ports that the sensors have to listen to, by mechanical unit."""

    def __init__(
        self,
        *,
        user: str = "Default User",
        password: str = "robotics",  # noqa: S107 - every controller is delivered with it
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
        """Nothing happens before the context is entered.

        Args:
            user: who may use Robot Web Services.
            password: of that user.
            http_port: of Robot Web Services; 0 is any free one.
            egm_ports: the UDP ports that sensors listen to, by mechanical unit; free ones if there are none.
            guidance: what the program lets sensors guide.
            timeout_s: seconds without a usable message after which an EGM session ends.
            rate_hz: control steps and EGM messages in a second.
            limits: of the tools' tips.
            start_deg_7: joints in degrees that an arm starts from, by mechanical unit; else its calibration position.
            tools: the worlds of the arms, by mechanical unit; an arm without one moves in free space.
            variables: first values of persistent RAPID variables, by path, such as `T_ROB_L/push_speed`.
            signals: by path, such as `Local/DRV_1/gripper_closed`.
            pace: what drives the control steps; real time if there is none.

        Raises:
            NotAValue: a variable's first value is no RAPID value.
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
        """The inside of the controller, for as long as it may not make a step."""
        with self._controller.lock:
            yield self._controller

    def _links(self) -> dict[str, EgmLink]:
        # Kept from others until the links have ports of their own, which could be these.
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
