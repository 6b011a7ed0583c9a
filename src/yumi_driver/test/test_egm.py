import socket

import numpy as np
import pytest
from sim_station import GOAL_DEG_7, OVER_THE_TABLE_DEG_7, RUNNING, running_station, states, to_joints, to_position

from yumi_driver.kinematics import HOME_DEG_7
from yumi_driver.sim_controller.arm import SpeedLimits
from yumi_driver.sim_controller.egm_session import Guidance


def test_nothing_is_sent_before_the_program_runs(station):
    assert station.run(5) is None
    station.start()
    assert station.exchange() is not None


def test_the_sensors_of_both_arms_receive_every_step(station):
    station.start()
    previous = None
    for number in range(5):
        station.pace.advance()
        for sensor, unit in ((station.left, "ROB_L"), (station.right, "ROB_R")):
            received, feedback = sensor.receive_from_robot(5)
            assert received
            assert not sensor.receive_from_robot(0)[0]
            message = feedback.robot_message
            assert message.header.seqno == number
            assert message.header.mtype == message.header.MSGTYPE_DATA
            np.testing.assert_allclose(feedback.joint_angles, HOME_DEG_7[unit][:6])
            np.testing.assert_allclose(feedback.external_axes, HOME_DEG_7[unit][6:])
            tip = station.arm(unit).tip
            np.testing.assert_allclose(feedback.cartesian[0], tip.position_mm_3)
            np.testing.assert_allclose(feedback.cartesian[1], tip.quaternion_4)
            np.testing.assert_array_equal(feedback.joint_angles_planned, feedback.joint_angles)
            np.testing.assert_array_equal(feedback.external_axes_planned, feedback.external_axes)
            np.testing.assert_array_equal(feedback.cartesian_planned[0], feedback.cartesian[0])
            assert feedback.rapid_running
            assert feedback.motors_on
            assert states(feedback) == RUNNING
        if previous is not None:
            assert message.header.tm - previous.header.tm == 4
            clock, before = message.feedBack.time, previous.feedBack.time
            assert (clock.sec - before.sec) * 1_000_000 + clock.usec - before.usec == pytest.approx(4000, abs=1)
        previous = message


def test_the_rate_can_be_chosen():
    with running_station(rate_hz=100.0) as station:
        station.start()
        assert station.run(60).robot_message.header.tm == 600


def test_the_arm_follows_joints(station):
    station.start()
    feedback = station.run(3, to_joints(station))
    assert not feedback.robot_message.mciConvergenceMet
    feedback = station.run(60, to_joints(station))
    np.testing.assert_allclose(feedback.joint_angles, GOAL_DEG_7[:6])
    np.testing.assert_allclose(feedback.external_axes, GOAL_DEG_7[6:])
    assert feedback.robot_message.mciConvergenceMet
    np.testing.assert_allclose(station.rws.get_jointtarget("ROB_L").robax, GOAL_DEG_7[:6], atol=1e-4)
    np.testing.assert_array_equal(station.arm("ROB_R").joints_deg_7, HOME_DEG_7["ROB_R"])


def test_the_arm_follows_poses(pose_station):
    station = pose_station
    station.start()
    start = station.arm().tip
    feedback = station.run(20, to_position(station, np.array([20.0, -10.0, 5.0])))
    np.testing.assert_allclose(feedback.cartesian[0] - start.position_mm_3, [20.0, -10.0, 5.0], atol=1e-4)
    np.testing.assert_allclose(feedback.cartesian[1], start.quaternion_4, atol=1e-6)
    assert feedback.robot_message.mciConvergenceMet


def test_one_message_is_followed_to_its_end(pose_station):
    station = pose_station
    station.start()
    start = station.exchange(to_position(station, np.array([30.0, 0.0, 0.0])))
    feedback = station.run(20)
    assert feedback.cartesian[0][0] - start.cartesian[0][0] == pytest.approx(30.0, abs=1e-4)


@pytest.mark.parametrize("guidance", list(Guidance))
def test_the_tip_is_never_faster_than_its_limit(guidance):
    limits = SpeedLimits(tip_mm_s=100.0, tip_deg_s=50.0)
    with running_station(guidance=guidance, limits=limits, start_deg_7=OVER_THE_TABLE_DEG_7) as station:
        station.start()
        goal_deg_7 = OVER_THE_TABLE_DEG_7["ROB_L"] + 10.0
        send = {
            Guidance.JOINT: to_joints(station, goal_deg_7),
            Guidance.POSE: to_position(station, np.array([50.0, 50.0, 20.0])),
        }[guidance]
        tips = [station.exchange(send).cartesian[0] for _ in range(60)]
    speeds_mm_s = np.linalg.norm(np.diff(tips, axis=0), axis=1) / 0.004
    assert speeds_mm_s.max() <= 100.0 * 1.00001
    assert speeds_mm_s[10:].max() > 50.0


def test_random_bytes_neither_move_nor_stop_the_arm(station):
    station.start()
    home = station.exchange().joint_angles
    rubbish = [b"", b"\xff" * 40, b"\x08\x01", bytes(range(256))]
    for datagram in rubbish:
        station.exchange(lambda _, datagram=datagram: station.left.socket.sendto(datagram, station.left.egm_addr))
    station.exchange(lambda _: station.left.send_to_robot_path_corr([1.0, 2.0, 3.0]))
    station.exchange(lambda _: station.left.send_to_robot_cart([0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]))
    np.testing.assert_array_equal(station.run(2).joint_angles, home)
    faults = station.faults()
    assert sum(faults.values()) == len(rubbish) + 2
    assert faults["UNUSABLE"] == 1
    assert faults["WRONG_TYPE"] >= 1
    feedback = station.run(60, to_joints(station))
    np.testing.assert_allclose(feedback.joint_angles, GOAL_DEG_7[:6])


def test_an_old_message_is_ignored(station):
    station.start()
    station.run(3, to_joints(station))
    station.left.send_sequence_number = 0
    station.run(3, to_joints(station, HOME_DEG_7["ROB_L"]))
    feedback = station.run(60)
    assert station.faults()["STALE"] == 3
    np.testing.assert_allclose(feedback.joint_angles, GOAL_DEG_7[:6])


def test_messages_of_others_than_the_sensor_are_ignored(station):
    station.start()
    station.exchange()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        own, station.left.socket = station.left.socket, stranger
        station.left.send_to_robot(GOAL_DEG_7[:6])
        station.left.socket = own
    np.testing.assert_array_equal(station.run(3).joint_angles, HOME_DEG_7["ROB_L"][:6])
    assert station.faults() == {}
