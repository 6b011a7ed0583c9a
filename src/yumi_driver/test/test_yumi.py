"""The driver of real arms, through a real SSH server to an agent that moves a simulated YuMi."""

from pathlib import Path

import pytest

from fleet_contract.door import read_yaml
from fleet_contract.robot import RobotContract
from robot_driver.conformance import DriverConformance
from sim_bridge.push_geometry import PushGeometry
from yumi_driver.gateways import Gateway
from yumi_driver.limits import read_limits
from yumi_driver.link import Link
from yumi_driver.simulated.gateway import SimulatedGateway
from yumi_driver.simulated.ssh_server import sshd
from yumi_driver.yumi import YumiDriver

pytestmark = pytest.mark.skipif(sshd() is None, reason="openssh-server is not installed")
CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/yumi_push_cell.yaml", RobotContract)


def driver_of(gateway: SimulatedGateway, log=print) -> YumiDriver:
    config = Gateway.model_validate(gateway.entry(CONTRACT.operation.plane.corners))
    return YumiDriver(CONTRACT, Link(config, "tests", read_limits(), log), config.arms, log)


class TestYumiDriver(DriverConformance):
    tolerance = 1e-3

    @pytest.fixture(autouse=True)
    def _gateway(self, tmp_path):
        with SimulatedGateway("gateway", tmp_path, PushGeometry.of(CONTRACT)) as self.gateway:
            for arm, cell in enumerate(self.gateway.cells.values()):
                cell.put(0.08, -0.06 + 0.02 * arm, 0.1)
            yield

    def make(self):
        return driver_of(self.gateway)

    def lose(self, driver, robot):
        self.gateway.cameras.freeze(["left", "right"][robot])

    def find(self, driver, robot):
        self.gateway.cameras.thaw(["left", "right"][robot])
