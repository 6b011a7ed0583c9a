"""The driver of real arms, through a real SSH server to an agent that moves a simulated YuMi."""

import pytest
from lab import lab

from robot_driver.conformance import DriverConformance
from yumi_driver.simulated.gateway import ARMS
from yumi_driver.simulated.ssh_server import sshd

pytestmark = pytest.mark.skipif(sshd() is None, reason="openssh-server is not installed")


class TestYumiDriver(DriverConformance):
    tolerance = 1e-3

    @pytest.fixture(autouse=True)
    def _lab(self, tmp_path):
        with lab(tmp_path) as self.lab:
            yield

    def make(self):
        return self.lab.driver()

    def lose(self, driver, robot):
        self.lab.gateway.cameras.freeze([*ARMS][robot])

    def find(self, driver, robot):
        self.lab.gateway.cameras.thaw([*ARMS][robot])
