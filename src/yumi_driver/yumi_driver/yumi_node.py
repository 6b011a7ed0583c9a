"""Serves the arms behind one gateway to the fleet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NoReturn

from typing_extensions import override

from fleet_common.health import Check, Level
from fleet_common.node import run_process
from fleet_contract.validation import InputError
from robot_driver.driver_node import DriverNode
from sim_bridge.push.geometry import PushGeometry
from yumi_driver.gateways import read_gateways
from yumi_driver.limits import read_limits
from yumi_driver.link import CONNECTING, Link
from yumi_driver.simulated_gateways import GATEWAYS
from yumi_driver.yumi import YumiDriver

POLL_S, SIMULATED_S = 0.1, 30.0
"""Interval and timeout of waiting for the gateways file of the simulated lab, s."""


class YumiNode(DriverNode):
    """The robots of one gateway."""

    def __init__(self) -> None:
        super().__init__("yumi")
        name = self.read_only_parameter("gateway", "", "Name of the gateway in the gateways file.")
        path = self.fleet.environment.gateways or self.run_dir / GATEWAYS
        until_s = time.monotonic() + SIMULATED_S
        while self.fleet.environment.gateways is None and not path.exists() and time.monotonic() < until_s:
            time.sleep(POLL_S)
        file = read_gateways(path, len(self.fleet.robot_names))
        gateways = {gateway.name: gateway for gateway in file.gateways}
        if name not in gateways:
            raise InputError(f"{path}: gateways: expected {' or '.join(gateways)}, got {name!r}.")
        gateway = gateways[name]
        self._link = Link(
            gateway,
            self.fleet.fleet,
            PushGeometry.of(self.robot_contract).workspace_half_m,
            read_limits(file.limits),
            self._log,
        )
        self.serve(YumiDriver(self.robot_contract, self._link, gateway.arms, self._log))

    @override
    def checks(self) -> Sequence[Check]:
        fault, values = self._link.fault, {"round trip (s)": self._link.round_trip_s}
        level = Level.OK if fault in {"", CONNECTING} else Level.ERROR
        return [*super().checks(), Check("link", level, fault or "connected", values)]

    def _log(self, text: str) -> None:
        self.get_logger().info(text)


def main() -> NoReturn:
    """Run the node."""
    run_process(YumiNode)
