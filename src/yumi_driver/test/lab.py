"""A simulated lab for tests, with a piece of network before it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from proxy import Proxy

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from sim_bridge.push.geometry import PushGeometry
from yumi_driver.gateways import Gateway
from yumi_driver.limits import read_limits
from yumi_driver.link import Link
from yumi_driver.simulated.gateway import ARMS, SimulatedGateway
from yumi_driver.yumi import YumiDriver

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/yumi_push_cell.yaml", RobotContract)
GEOMETRY = PushGeometry.of(CONTRACT)
CORNERS = CONTRACT.operation.plane.corners
PATIENCE_S = 30.0
PUSH_NA = np.array([[-0.03, 0.02], [-0.03, 0.02]])
MOVE, HOLD = np.full(2, ActionKind.MOVE), np.full(2, ActionKind.HOLD)


def wait_for(condition, patience_s=PATIENCE_S):
    """What the condition gives, once it gives something."""
    until_s = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < until_s, "in vain"
        time.sleep(0.005)
    return found


def wait_for_step(driver):
    wait_for(lambda: driver.observed() is not None)
    return driver.observed()


class Lab:
    """One gateway with two arms, and what its driver says."""

    def __init__(self, gateway: SimulatedGateway, proxy: Proxy) -> None:
        self.gateway = gateway
        self.proxy = proxy
        self.said: list[str] = []

    def driver(self, **changes) -> YumiDriver:
        """A driver of the gateway, or of one that is described a little differently."""
        entry = self.gateway.entry(CORNERS) | {"port": self.proxy.port} | changes
        config = Gateway.model_validate(entry)
        return YumiDriver(
            CONTRACT,
            Link(config, "tests", GEOMETRY.workspace_half_m, read_limits(), self.said.append),
            config.arms,
            self.said.append,
        )

    @contextmanager
    def started(self, **changes):
        driver = self.driver(**changes)
        driver.start(0)
        try:
            yield driver
        finally:
            driver.close()

    @property
    def joints_deg_27(self):
        """Where both arms really are."""
        with self.gateway.controller.held() as inside:
            return np.array([inside.arms[config["unit"]].joints_deg_7 for config in ARMS.values()])

    def move_until_under_way(self, driver):
        """Both arms on their way."""
        parked = self.joints_deg_27
        driver.begin(MOVE, PUSH_NA)
        wait_for(lambda: np.abs(self.joints_deg_27 - parked).max(axis=1).min() > 3)

    def seconds_until_still(self):
        """How long the arms still move."""
        began_s, last_s, before = time.monotonic(), time.monotonic(), self.joints_deg_27
        while time.monotonic() - last_s < 0.5:
            time.sleep(0.01)
            now = self.joints_deg_27
            if not np.array_equal(now, before):
                before, last_s = now, time.monotonic()
        return last_s - began_s


@contextmanager
def lab(folder):
    with SimulatedGateway("gateway", folder, GEOMETRY) as gateway, Proxy(gateway.server.port) as proxy:
        for arm, cell in enumerate(gateway.cells.values()):
            cell.put(0.08, -0.06 + 0.02 * arm, 0.1)
        yield Lab(gateway, proxy)
