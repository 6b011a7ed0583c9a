import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import requests
from sim_station import TASKS, refused

from yumi_driver.kinematics import ARM_KINEMATICS, HOME_DEG_7
from yumi_driver.pose import Pose
from yumi_driver.sim_controller.panel import OperationMode
from yumi_driver.sim_controller.refusal import ReturnCode


def test_motors_are_switched_on_and_off(rws):
    assert rws.get_controller_state() == "motoroff"
    rws.set_controller_state("motoron")
    assert rws.get_controller_state() == "motoron"
    rws.set_controller_state("motoroff")
    assert rws.get_controller_state() == "motoroff"
    refused(lambda: rws.set_controller_state("guardstop"), ReturnCode.INVALID_ARGUMENT)


def test_motors_stay_off_while_the_guard_is_open(controller, rws):
    rws.set_controller_state("motoron")
    with controller.held() as inside:
        inside.panel.open_guard()
    assert rws.get_controller_state() == "guardstop"
    refused(lambda: rws.set_controller_state("motoron"), ReturnCode.REJECTED)
    with controller.held() as inside:
        inside.panel.close_guard()
    assert rws.get_controller_state() == "motoroff"


def test_only_a_person_resets_an_emergency_stop(controller, rws):
    with controller.held() as inside:
        inside.panel.press_emergency_stop()
    assert rws.get_controller_state() == "emergencystop"
    with controller.held() as inside:
        inside.panel.release_emergency_stop()
    assert rws.get_controller_state() == "emergencystopreset"
    refused(lambda: rws.set_controller_state("motoron"), ReturnCode.REJECTED)
    with controller.held() as inside:
        inside.panel.reset_emergency_stop()
    rws.set_controller_state("motoron")


def test_manual_mode_disables_remote_control(controller, rws):
    assert rws.get_operation_mode() == "AUTO"
    rws.set_controller_state("motoron")
    rws.start("forever", TASKS)
    with controller.held() as inside:
        inside.panel.select_mode(OperationMode.MANUAL)
    assert rws.get_operation_mode() == "MANR"
    assert rws.get_controller_state() == "guardstop"
    assert rws.get_execution_state().ctrlexecstate == "stopped"
    refused(lambda: rws.start("forever", TASKS), ReturnCode.EXECUTION_STATE)
    refused(lambda: rws.set_rapid_variable_num("speed", 1.0, "T_ROB_L"), ReturnCode.REJECTED)
    refused(lambda: rws.set_digital_io("grip", 1), ReturnCode.REJECTED)


def test_the_program_starts_only_with_motors_on_and_only_once(rws):
    refused(lambda: rws.start("forever", TASKS), ReturnCode.EXECUTION_STATE)
    rws.set_controller_state("motoron")
    rws.start("once", TASKS)
    state = rws.get_execution_state()
    assert (state.ctrlexecstate, state.cycle) == ("running", "once")
    refused(lambda: rws.start("forever", TASKS), ReturnCode.EXECUTION_STATE)
    refused(rws.resetpp, ReturnCode.REJECTED)
    rws.stop()
    assert rws.get_execution_state().ctrlexecstate == "stopped"
    rws.start("asis", TASKS)
    assert rws.get_execution_state().cycle == "once"
    refused(lambda: rws.start("twice", TASKS), ReturnCode.INVALID_ARGUMENT)


def test_tasks_have_states(rws):
    tasks = rws.get_tasks()
    assert list(tasks) == TASKS
    assert all(task.motiontask and task.active and task.excstate == "ready" for task in tasks.values())
    rws.set_controller_state("motoron")
    rws.start("forever", ["T_ROB_R"])
    tasks = rws.get_tasks()
    assert [(task.active, task.excstate) for task in tasks.values()] == [(False, "ready"), (True, "started")]
    refused(lambda: rws.activate_task("T_ROB_L"), ReturnCode.REJECTED)
    rws.stop()
    assert rws.get_tasks()["T_ROB_R"].excstate == "stopped"
    rws.resetpp()
    assert rws.get_tasks()["T_ROB_R"].excstate == "ready"
    refused(lambda: rws.activate_task("T_ROB1"), ReturnCode.FAILED)


@pytest.mark.parametrize("unit", ["ROB_L", "ROB_R"])
def test_positions_of_both_arms(rws, unit):
    joints = rws.get_jointtarget(unit)
    np.testing.assert_allclose(joints.robax, HOME_DEG_7[unit][:6])
    assert joints.extax[0] == HOME_DEG_7[unit][6]
    np.testing.assert_allclose(joints.extax[1:], 9e9)
    arm = ARM_KINEMATICS[unit]
    tip = arm.tip(HOME_DEG_7[unit])
    world = rws.get_robtarget(unit, coordinate="World")
    np.testing.assert_allclose(world.trans, tip.position_mm_3, atol=1e-3)
    np.testing.assert_allclose(world.rot, tip.quaternion_4, atol=1e-6)
    base = rws.get_robtarget(unit)
    in_world = arm.base @ Pose.of_quaternion(base.trans, base.rot)
    np.testing.assert_allclose(in_world.position_mm_3, tip.position_mm_3, atol=1e-3)


def test_unknown_positions_are_refused(rws):
    refused(lambda: rws.get_jointtarget("ROB_1"), ReturnCode.UNKNOWN_MECHANICAL_UNIT)
    refused(lambda: rws.get_robtarget("ROB_L", tool="gripper"), ReturnCode.UNKNOWN_TOOL)
    refused(lambda: rws.get_robtarget("ROB_L", wobj="table"), ReturnCode.UNKNOWN_WORK_OBJECT)
    refused(lambda: rws.get_robtarget("ROB_L", coordinate="Tool"), ReturnCode.INVALID_ARGUMENT)


def test_the_event_log_lists_the_newest_event_first(controller, rws):
    rws.set_controller_state("motoron")
    rws.start("forever", ["T_ROB_L"])
    with controller.held() as inside:
        inside.panel.open_guard()
    log = rws.read_event_log()
    assert [event.code for event in log] == [10125, 10012, 10151, 10011]
    assert [event.seqnum for event in log] == [4, 3, 2, 1]
    assert log[0].args == ["T_ROB_L"]
    assert log[0].msgtype == 1
    assert log[1].title == "Safety guard stop state"
    age = datetime.now(UTC).replace(tzinfo=None) - log[0].tstamp
    assert timedelta(seconds=-2) < age < timedelta(minutes=10)


def test_an_unknown_resource_answers_with_the_documented_error(controller, rws):
    for path in ("rw/nothing", "rw/panel", "rw/rapid/tasks/T_ROB1/nothing"):
        refused(lambda path=path: rws._do_get(path), ReturnCode.FAILED)
    answer = rws._session.get(f"{controller.url}/rw/nothing?json=1", auth=rws.auth)
    assert answer.status_code == requests.codes.not_found
    assert answer.headers["Content-Type"] == "application/json"
    body = json.loads(answer.content)
    assert body["_links"] == {"base": {"href": f"{controller.url}/"}}
    assert body["_embedded"]["status"]["code"] == ReturnCode.FAILED
    assert body["_embedded"]["_state"] == []


def test_unknown_actions_and_arguments_are_refused(rws):
    refused(lambda: rws._do_post("rw/rapid/execution?action=dance"), ReturnCode.INVALID_ARGUMENT)
    refused(lambda: rws._do_post("rw/rapid/execution"), ReturnCode.INVALID_ARGUMENT)
    refused(lambda: rws._do_post("rw/rapid/execution?action=start", {"cycle": "once"}), ReturnCode.INVALID_ARGUMENT)
    refused(lambda: rws._do_post("rw/panel/ctrlstate?action=setctrlstate"), ReturnCode.INVALID_ARGUMENT)
    refused(lambda: rws._do_post("rw/rapid/tasks"), ReturnCode.FAILED)


def test_only_json_is_simulated(controller, rws):
    answer = rws._session.get(f"{controller.url}/rw/panel/opmode", auth=rws.auth)
    assert answer.status_code == requests.codes.not_implemented
    assert "-http-session-" in rws._session.cookies
