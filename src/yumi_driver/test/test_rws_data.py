import numpy as np
import pytest
from abb_robot_client.rws import JointTarget
from sim_station import refused

from yumi_driver.sim_controller.refusal import ReturnCode


def test_variables_are_read_and_written(rws):
    assert rws.get_rapid_variable_num("speed", "T_ROB_L") == 10.0
    rws.set_rapid_variable_num("speed", 0.1, "T_ROB_L")
    assert rws.get_rapid_variable_num("speed", "T_ROB_L") == 0.1
    rws.set_rapid_variable("enabled", "TRUE", "T_ROB_L")
    assert rws.get_rapid_variable("enabled", "T_ROB_L") == "TRUE"
    rws.set_rapid_variable_num_array("waypoints", [4.0, 5.5, -6.0], "T_ROB_R")
    np.testing.assert_array_equal(rws.get_rapid_variable_num_array("waypoints", "T_ROB_R"), [4.0, 5.5, -6.0])
    target = "[[410,90,150],[0,0,1,0],[0,0,0,4],[9E+09,9E+09,9E+09,9E+09,9E+09,9E+09]]"
    rws.set_rapid_variable("target", target, "T_ROB_L")
    assert rws.get_rapid_variable("target", "T_ROB_L") == target


def test_jointtargets_are_read_and_written(rws):
    home = rws.get_rapid_variable_jointtarget("home", "T_ROB_R")
    np.testing.assert_allclose(np.rad2deg(home.robax), [0, -130, 30, 0, 40, 0], atol=1e-9)
    goal = JointTarget(np.deg2rad([1.0, 2, 3, 4, 5, 6]), np.deg2rad([7.0, 0, 0, 0, 0, 0]))
    rws.set_rapid_variable_jointtarget("home", goal, "T_ROB_R")
    assert rws.get_rapid_variable("home", "T_ROB_R") == "[[1,2,3,4,5,6],[7,0,0,0,0,0]]"
    rws.set_rapid_variable_jointtarget_array("path", [goal, home], "T_ROB_R")
    back = rws.get_rapid_variable_jointtarget_array("path", "T_ROB_R")
    np.testing.assert_allclose(back[0].robax, goal.robax, atol=1e-9)
    np.testing.assert_allclose(back[1].extax, home.extax, atol=1e-9)


@pytest.mark.parametrize("value", ["TRUE", "[1]", "ten", ""])
def test_a_value_of_another_type_is_refused_and_changes_nothing(rws, value):
    refused(lambda: rws.set_rapid_variable("speed", value, "T_ROB_L"), ReturnCode.INVALID_ARGUMENT)
    assert rws.get_rapid_variable_num("speed", "T_ROB_L") == 10.0


def test_an_unknown_variable_is_refused(rws):
    refused(lambda: rws.get_rapid_variable("speed"), ReturnCode.FAILED)
    refused(lambda: rws.set_rapid_variable("nothing", "1", "T_ROB_L"), ReturnCode.FAILED)


def test_signals_are_read_and_written(controller, rws):
    rws.set_digital_io("grip", True)
    assert rws.get_digital_io("grip") == 1
    rws.set_digital_io("grip", 0)
    assert rws.get_digital_io("grip") == 0
    rws.set_analog_io("force", 2.5, "DeviceNet", "D652")
    assert rws.get_analog_io("force", "DeviceNet", "D652") == 2.5
    with controller.held() as inside:
        inside.signals["Local/DRV_1/door"].value = 0.0
    assert rws.get_digital_io("door") == 0


def test_signals_refuse_what_they_cannot_take(rws):
    refused(lambda: rws.set_digital_io("door", 0), ReturnCode.REJECTED)
    refused(lambda: rws.set_analog_io("grip", 0.5), ReturnCode.INVALID_ARGUMENT)
    refused(lambda: rws.set_analog_io("force", "nan", "DeviceNet", "D652"), ReturnCode.INVALID_ARGUMENT)
    refused(lambda: rws.set_analog_io("force", "strong", "DeviceNet", "D652"), ReturnCode.INVALID_ARGUMENT)
    toggle = {"mode": "toggle", "lvalue": "1"}
    refused(
        lambda: rws._do_post("rw/iosystem/signals/Local/DRV_1/grip?action=set", toggle), ReturnCode.INVALID_ARGUMENT
    )
    refused(lambda: rws.get_digital_io("nothing"), ReturnCode.UNRESOLVED_URL)
    assert rws.get_digital_io("door") == 1
