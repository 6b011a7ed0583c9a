"""A simulated lab for tests, with a network between fleet and gateway.

Tests must pass on a busy machine. All timeouts of the lab are therefore long, and tests slow the robot down, so that an arm
that keeps moving after a fault would still be found moving.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from proxy import Proxy

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from sim_bridge.push.geometry import PushGeometry
from yumi_driver import arm_view, link, yumi
from yumi_driver.gateways import Gateway
from yumi_driver.limits import read_limits
from yumi_driver.link import Link
from yumi_driver.simulated.gateway import ARMS, RATE_HZ, SPEED, SimulatedGateway
from yumi_driver.yumi import YumiDriver

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/yumi_push_cell.yaml", RobotContract)
GEOMETRY = PushGeometry.of(CONTRACT)
CORNERS = CONTRACT.operation.plane.corners
TIMEOUT_S = 240.0
"""Limit for what takes seconds on an idle machine."""
TIMEOUTS = {"silence_s": 2.0, "late_s": 3.0, "picture_s": 10.0, "controller_timeout_s": 2.0}
"""Timeouts of the lab, s: ten times those of a real one or more."""
KEEP_ALIVE_S = 5.0
"""Interval of SSH keepalives, s."""
SLOW = 0.2
"""Speed of slow motion, in units of real time: a push takes half a minute."""
UNDER_WAY_DEG = 3.0
"""Angle of an axis from the parked posture from which an arm counts as under way."""
STILL_S = 0.5
"""Time on the controller's clock after which an arm that has not moved is still, s."""
PUSH_NA = np.array([[-0.03, 0.02], [-0.03, 0.02]])
MOVE, HOLD = np.full(2, ActionKind.MOVE), np.full(2, ActionKind.HOLD)


def wait_for(condition, timeout_s=TIMEOUT_S):
    """Wait until the condition returns something true, and return that."""
    until_s = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < until_s, f"the condition was not met within {timeout_s:g} s"
        time.sleep(0.005)
    return found


def wait_for_step(driver):
    (step,) = wait_for(lambda: [step for step in [driver.observed()] if step is not None])
    return step


class Lab:
    """One gateway with two arms, and the log of its driver."""

    def __init__(self, gateway: SimulatedGateway, proxy: Proxy, limits: Path) -> None:
        self.gateway = gateway
        self.proxy = proxy
        self.limits = read_limits(limits)
        self.log: list[str] = []

    def driver(self, **changes) -> YumiDriver:
        """Return a driver of the gateway, or of one with changed settings."""
        entry = self.gateway.entry(CORNERS) | {"port": self.proxy.port} | changes
        config = Gateway.model_validate(entry)
        return YumiDriver(
            CONTRACT,
            Link(config, "tests", GEOMETRY.workspace_half_m, self.limits, self.log.append),
            config.arms,
            self.log.append,
        )

    @contextmanager
    def started(self, **changes):
        driver = self.driver(**changes)
        driver.start(0)
        try:
            yield driver
        finally:
            driver.close()

    def set_speed(self, speed):
        """Set the speed of the robot, in units of real time."""
        self.gateway.pace.period_s = 1 / RATE_HZ / speed

    @property
    def clock_s(self):
        """Time on the controller's clock."""
        with self.gateway.controller.held() as inside:
            return inside.clock.elapsed_s

    @property
    def joints_deg_27(self):
        """True joint angles of both arms."""
        with self.gateway.controller.held() as inside:
            return np.array([inside.arms[config["unit"]].joints_deg_7 for config in ARMS.values()])

    @property
    def from_parked_deg(self):
        """Angle of the arm that is nearer to its parked posture, of the axis that is farthest from it."""
        parked_deg_27 = np.array([config["parked_deg"] for config in ARMS.values()])
        return np.abs(self.joints_deg_27 - parked_deg_27).max(axis=1).min()

    def push_in_slow_motion(self, driver):
        """Let both arms push slowly, and wait until they are under way."""
        self.set_speed(SLOW)
        driver.begin(MOVE, PUSH_NA)
        wait_for(lambda: self.from_parked_deg > UNDER_WAY_DEG)

    def wait_until_still(self):
        """Wait until no arm has moved for `STILL_S`."""
        last_s, before = self.clock_s, self.joints_deg_27

        def is_still():
            nonlocal last_s, before
            now_s, now = self.clock_s, self.joints_deg_27
            if not np.array_equal(now, before):
                last_s, before = now_s, now
            return now_s - last_s > STILL_S

        wait_for(is_still)

    def assert_push_interrupted(self):
        """Both arms have stopped before the end of their push, which ends at their parked postures."""
        self.wait_until_still()
        # An arm that stops returns to its last measured position.
        assert self.from_parked_deg > UNDER_WAY_DEG / 2
        self.set_speed(SPEED)


@contextmanager
def lab(folder):
    limits = folder / "limits.yaml"
    values = read_limits().model_dump() | {
        name: {"value": value, "source": "tests"} for name, value in TIMEOUTS.items()
    }
    limits.write_text(yaml.safe_dump(values))
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((arm_view, "COMMAND_S"), (arm_view, "PICTURE_S"), (yumi, "START_S")):
            patch.setattr(module, name, TIMEOUT_S)
        patch.setattr(link, "KEEP_ALIVE_S", KEEP_ALIVE_S)
        with (
            SimulatedGateway("gateway", folder, GEOMETRY, limits) as gateway,
            Proxy(gateway.server.port) as proxy,
        ):
            for arm, cell in enumerate(gateway.cells.values()):
                cell.put(0.08, -0.06 + 0.02 * arm, 0.1)
            yield Lab(gateway, proxy, limits)
