from pathlib import Path

from fleet_contract.door import read_yaml
from fleet_contract.robot import RobotContract
from robot_driver.conformance import DriverConformance
from sim_bridge.backends import make_environment
from sim_bridge.simulated_driver import SimulatedDriver

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"


class SimulatedDriverConformance(DriverConformance):
    can_be_lost = False
    contract: str
    choice: tuple[str, str]

    def make(self):
        contract = read_yaml(ROBOTS / self.contract, RobotContract)
        return SimulatedDriver(make_environment(*self.choice, contract, self.robots))


class TestPushCellDriver(SimulatedDriverConformance):
    contract, choice = "push_cell.yaml", ("mujoco", "block_push")


class TestMazeDriver(SimulatedDriverConformance):
    contract, choice = "pointbot.yaml", ("numpy", "navigation")
