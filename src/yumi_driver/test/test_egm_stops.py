import numpy as np
import pytest
from sim_station import (
    GOAL_DEG_7,
    MOTORS_OFF,
    OVER_THE_TABLE_DEG_7,
    RUNNING,
    STOPPED,
    TASKS,
    running_station,
    states,
    to_joints,
    to_position,
)

from yumi_driver.kinematics import HOME_DEG_7
from yumi_driver.sim_controller.arm import SpeedLimits
from yumi_driver.sim_controller.egm_session import Guidance


def test_a_silent_sensor_ends_the_session_and_stops_the_program():
    with running_station(timeout_s=0.1, limits=SpeedLimits(tip_mm_s=10.0)) as station:
        station.start()
        for _ in range(3):
            station.exchange(to_joints(station))
        moved = 0
        previous_deg_7 = station.arm().joints_deg_7
        while (feedback := station.exchange()) is not None:
            station.right.receive_from_robot(0)
            station.right.send_to_robot(HOME_DEG_7["ROB_R"][:6])
            moved += bool(np.any(station.arm().joints_deg_7 != previous_deg_7))
            previous_deg_7 = station.arm().joints_deg_7
            assert moved <= 26
        assert moved >= 23
        assert station.rws.get_execution_state().ctrlexecstate == "stopped"
        assert 41822 in station.events()
        station.run(10)
        np.testing.assert_array_equal(station.arm().joints_deg_7, previous_deg_7)
        station.rws.start("forever", TASKS)
        feedback = station.exchange()
        assert feedback.robot_message.header.seqno == 0
        assert states(feedback) == RUNNING


@pytest.mark.parametrize("stop", ["open_guard", "press_emergency_stop", "motors_off"])
def test_switching_the_motors_off_stops_motion_at_once(station, stop):
    station.start()
    station.run(5, to_joints(station))
    with station.controller.held() as inside:
        getattr(inside.panel, stop)()
    stood_deg_7 = station.arm().joints_deg_7
    for _ in range(5):
        feedback = station.exchange(to_joints(station))
        assert states(feedback) == MOTORS_OFF
        np.testing.assert_array_equal(station.arm().joints_deg_7, stood_deg_7)
    assert station.rws.get_execution_state().ctrlexecstate == "stopped"
    assert np.any(np.abs(stood_deg_7 - GOAL_DEG_7) > 1.0)


def test_after_a_guard_stop_the_arm_waits_for_a_new_target(station):
    station.start()
    station.run(5, to_joints(station))
    with station.controller.held() as inside:
        inside.panel.open_guard()
        inside.panel.close_guard()
    station.run(2, to_joints(station))
    station.run(1)
    stood_deg_7 = station.arm().joints_deg_7
    station.start()
    station.run(5)
    np.testing.assert_array_equal(station.arm().joints_deg_7, stood_deg_7)
    feedback = station.run(60, to_joints(station))
    np.testing.assert_allclose(feedback.joint_angles, GOAL_DEG_7[:6])


def test_stopping_the_program_keeps_the_session_and_resetting_the_pointer_ends_it(station):
    station.start()
    before = station.run(5, to_joints(station)).robot_message.header.seqno
    station.rws.stop()
    stood_deg_7 = station.arm().joints_deg_7
    feedback = station.run(3, to_joints(station))
    assert states(feedback) == STOPPED
    assert feedback.robot_message.header.seqno == before + 3
    np.testing.assert_array_equal(station.arm().joints_deg_7, stood_deg_7)
    station.rws.resetpp()
    assert station.run(3) is None


class Recorder:
    def __init__(self):
        self.moves = []

    def moved(self, tip, previous):
        self.moves.append((tip.position_mm_3, previous.position_mm_3))


def test_a_target_out_of_reach_stops_the_program():
    tool = Recorder()
    with running_station(guidance=Guidance.POSE, start_deg_7=OVER_THE_TABLE_DEG_7, tools={"ROB_L": tool}) as station:
        station.start()
        feedback = station.exchange(to_position(station, np.array([2000.0, 0.0, 0.0])))
        steps = 1
        while feedback is not None:
            feedback = station.exchange()
            steps += 1
            assert steps < 500
        assert station.rws.get_execution_state().ctrlexecstate == "stopped"
        assert {50027, 50050} & set(station.events())
        stood_deg_7 = station.arm().joints_deg_7
        station.run(3)
        np.testing.assert_array_equal(station.arm().joints_deg_7, stood_deg_7)
    assert len(tool.moves) == steps + 3


def test_tools_are_moved_in_every_step_whatever_the_program_does():
    tools = {"ROB_L": Recorder(), "ROB_R": Recorder()}
    with running_station(tools=tools) as station:
        station.run(2)
        station.start()
        station.run(10, to_joints(station))
        with station.controller.held() as inside:
            inside.panel.open_guard()
        station.run(3)
        end_mm_3 = station.arm().tip.position_mm_3
    assert len(tools["ROB_L"].moves) == len(tools["ROB_R"].moves) == 15
    positions, previous = (np.array(part) for part in zip(*tools["ROB_L"].moves, strict=True))
    np.testing.assert_array_equal(positions[:-1], previous[1:])
    np.testing.assert_array_equal(positions[-1], end_mm_3)
    assert np.any(positions[0] != positions[-1])


class Broken:
    def moved(self, tip, previous):
        raise ArithmeticError("the tool is broken")


def test_an_exception_of_a_tool_is_raised():
    def advance():
        with running_station(tools={"ROB_R": Broken()}) as station, pytest.raises(RuntimeError, match="no more steps"):
            station.pace.advance()

    with pytest.raises(ArithmeticError, match="the tool is broken"):
        advance()
