from pathlib import Path

import numpy as np

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from robot_driver.conformance import DriverConformance
from robot_driver.template import Point, PointDriver

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/pointbot.yaml", RobotContract)


class TestPointDriver(DriverConformance):
    def make(self):
        self.points = [Point(np.array([5.0, 5.0 + robot])) for robot in range(self.robots)]
        return PointDriver(CONTRACT, self.points)

    def lose(self, driver, robot):
        self.points[robot].answers = False

    def find(self, driver, robot):
        self.points[robot].answers = True
