"""Tests the driver through an SSH server with an agent that moves a simulated YuMi."""

import pytest
from lab import TIMEOUT_S, lab

from robot_driver.conformance import DriverConformance
from yumi_driver.simulated.gateway import ARMS
from yumi_driver.simulated.ssh_server import sshd

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sshd() is None, reason="openssh-server is not installed"),
    pytest.mark.timeout(4 * TIMEOUT_S),
]


class TestYumiDriver(DriverConformance):
    tolerance = 1e-3
    patience_s = TIMEOUT_S

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
