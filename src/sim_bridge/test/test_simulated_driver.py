from pathlib import Path

import mujoco
import numpy as np
import pytest

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from robot_driver.conformance import DriverConformance
from robot_driver.frames import frames
from sim_bridge.backends import make_environment
from sim_bridge.push.cell_model import push_cell_model
from sim_bridge.push.geometry import PushGeometry
from sim_bridge.push.view import camera_matrix
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


@pytest.mark.parametrize("name", ["push_cell", "yumi_push_cell"])
def test_the_camera_frame_is_where_the_simulation_has_its_camera(name):
    contract = read_yaml(ROBOTS / f"{name}.yaml", RobotContract)
    camera, geometry = contract.observation.camera, PushGeometry.of(contract)
    matrix_33 = camera_matrix(camera.width, camera.height, geometry)
    _, shown = frames(["robot_01"], ["robot_01"], contract, matrix_33)
    model = push_cell_model(camera.width, camera.height, geometry)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    # The contract's corners are rounded to thousandths of the picture.
    np.testing.assert_allclose(shown.position, data.camera("overhead").xpos, atol=1e-3)
    x, y, z, w = shown.quaternion
    axes_9 = np.empty(9)
    mujoco.mju_quat2Mat(axes_9, np.array([w, x, y, z]))
    # MuJoCo's cameras look along -z, with y up.
    np.testing.assert_allclose(
        axes_9.reshape(3, 3) * [1, -1, -1], data.camera("overhead").xmat.reshape(3, 3), atol=1e-6
    )
