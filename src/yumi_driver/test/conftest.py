import pytest
from abb_robot_client.rws import RWS
from sim_station import OVER_THE_TABLE_DEG_7, running_station

from yumi_driver.sim_controller.egm_session import Guidance
from yumi_driver.sim_controller.signals import IoSignal, SignalType
from yumi_driver.sim_controller.simulated_controller import SimulatedController

VARIABLES = {
    "T_ROB_L/speed": "10",
    "T_ROB_L/enabled": "FALSE",
    "T_ROB_L/target": "[[400,100,150],[0,1,0,0],[0,0,0,4],[9E9,9E9,9E9,9E9,9E9,9E9]]",
    "T_ROB_R/waypoints": "[1,2,3]",
    "T_ROB_R/home": "[[0,-130,30,0,40,0],[-135,0,0,0,0,0]]",
    "T_ROB_R/path": "[[[0,0,0,0,0,0],[0,0,0,0,0,0]],[[0,0,0,0,0,0],[0,0,0,0,0,0]]]",
}


@pytest.fixture
def station():
    with running_station() as station:
        yield station


@pytest.fixture
def pose_station():
    with running_station(guidance=Guidance.POSE, start_deg_7=OVER_THE_TABLE_DEG_7) as station:
        yield station


@pytest.fixture
def controller():
    signals = {
        "Local/DRV_1/grip": IoSignal(SignalType.DIGITAL_OUTPUT),
        "Local/DRV_1/door": IoSignal(SignalType.DIGITAL_INPUT, 1.0),
        "DeviceNet/D652/force": IoSignal(SignalType.ANALOG_OUTPUT),
    }
    with SimulatedController(variables=VARIABLES, signals=signals) as controller:
        yield controller


@pytest.fixture
def rws(controller):
    rws = RWS(controller.url)
    yield rws
    rws.close()
