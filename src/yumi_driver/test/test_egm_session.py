from collections import Counter

import numpy as np
import pytest
from abb_robot_client._egm_protobuf import egm_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from yumi_driver.kinematics import ARM_KINEMATICS, HOME_DEG_7
from yumi_driver.sim_controller.arm import YUMI_LIMITS, Arm, MotionError
from yumi_driver.sim_controller.egm_messages import Fault
from yumi_driver.sim_controller.egm_session import EgmSession, Guidance
from yumi_driver.sim_controller.event_log import EventKind
from yumi_driver.sim_controller.free_space import FreeSpace

PERIOD_S = 0.004
HOME = HOME_DEG_7["ROB_L"]


class Cell:
    """An arm at home and its session."""

    def __init__(self, guidance=Guidance.JOINT, timeout_s=1.0):
        self.arm = Arm("ROB_L", ARM_KINEMATICS["ROB_L"], FreeSpace(), YUMI_LIMITS, HOME)
        self.faults = Counter()
        self.session = EgmSession(self.arm, guidance, timeout_s, self.faults)

    def step(self):
        self.session.step(PERIOD_S)


def joint_message(sequence=1, joints=(10.0, -120.0, 30.0, 0.0, 40.0, 0.0), external=(120.0,)):
    message = egm_pb2.EgmSensor()
    message.header.seqno = sequence
    message.header.mtype = egm_pb2.EgmHeader.MSGTYPE_CORRECTION
    message.planned.joints.joints.extend(joints)
    message.planned.externalJoints.joints.extend(external)
    return message


def pose_message(position=(0.0, 200.0, 200.0), quaternion=(0.0, 1.0, 0.0, 0.0)):
    message = joint_message(joints=(), external=())
    cartesian = message.planned.cartesian
    cartesian.pos.x, cartesian.pos.y, cartesian.pos.z = position
    cartesian.orient.u0, cartesian.orient.u1, cartesian.orient.u2, cartesian.orient.u3 = quaternion
    return message


@given(st.lists(st.binary(max_size=80), max_size=20), st.sampled_from(Guidance))
@settings(deadline=None)
def test_random_bytes_never_move_the_arm(datagrams, guidance):
    cell = Cell(guidance)
    for datagram in datagrams:
        cell.session.receive(datagram)
        cell.step()
    np.testing.assert_array_equal(cell.arm.joints_deg_7, HOME)
    assert cell.faults.total() == len(datagrams)


@given(st.data(), st.sampled_from([joint_message(), pose_message()]))
@settings(deadline=None)
def test_a_damaged_message_never_makes_the_target_infinite(data, message):
    cell = Cell(Guidance.JOINT if message.planned.HasField("joints") else Guidance.POSE)
    datagram = bytearray(message.SerializeToString())
    for _ in range(3):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    cell.session.receive(bytes(datagram))
    for _ in range(3):
        try:
            cell.step()
        except MotionError:
            break
    assert np.all(np.isfinite(cell.arm.joints_deg_7))


def test_a_message_without_a_required_field_is_undecodable():
    cell = Cell(Guidance.POSE)
    message = pose_message()
    message.planned.cartesian.pos.ClearField("z")
    cell.session.receive(message.SerializePartialToString())
    assert cell.faults == {Fault.UNDECODABLE: 1}


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=30))
@settings(deadline=None)
def test_only_increasing_sequence_numbers_are_accepted(sequences):
    cell = Cell()
    highest, stale = -1, 0
    for sequence in sequences:
        cell.session.receive(joint_message(sequence).SerializeToString())
        stale += sequence <= highest
        highest = max(highest, sequence)
    assert cell.faults[Fault.STALE] == stale
    assert cell.faults.total() == stale


def unlike(kind):
    message = joint_message()
    message.header.mtype = kind
    return message


def without_position():
    message = pose_message()
    message.planned.cartesian.ClearField("pos")
    return message


@pytest.mark.parametrize(
    ("guidance", "message", "fault"),
    [
        (Guidance.JOINT, unlike(egm_pb2.EgmHeader.MSGTYPE_DATA), Fault.WRONG_TYPE),
        (Guidance.JOINT, unlike(egm_pb2.EgmHeader.MSGTYPE_PATH_CORRECTION), Fault.WRONG_TYPE),
        (Guidance.JOINT, egm_pb2.EgmSensor(), Fault.WRONG_TYPE),
        (Guidance.JOINT, pose_message(), Fault.UNUSABLE),
        (Guidance.JOINT, joint_message(joints=[0.0] * 5), Fault.UNUSABLE),
        (Guidance.JOINT, joint_message(joints=[0.0] * 7, external=()), Fault.UNUSABLE),
        (Guidance.JOINT, joint_message(external=(1.0, 2.0)), Fault.UNUSABLE),
        (Guidance.JOINT, joint_message(external=(float("nan"),)), Fault.UNUSABLE),
        (Guidance.JOINT, joint_message(joints=[float("inf")] * 6), Fault.UNUSABLE),
        (Guidance.JOINT, joint_message(joints=[1e300] * 6), Fault.UNUSABLE),
        (Guidance.POSE, joint_message(), Fault.UNUSABLE),
        (Guidance.POSE, pose_message(position=(1e300, 0.0, 0.0)), Fault.UNUSABLE),
        (Guidance.POSE, pose_message(quaternion=(1e300, 0.0, 0.0, 0.0)), Fault.UNUSABLE),
        (Guidance.POSE, without_position(), Fault.UNUSABLE),
        (Guidance.POSE, pose_message(position=(float("nan"), 0.0, 0.0)), Fault.UNUSABLE),
        (Guidance.POSE, pose_message(quaternion=(1.0, 1.0, 0.0, 0.0)), Fault.UNUSABLE),
        (Guidance.POSE, pose_message(quaternion=(0.0, 0.0, 0.0, 0.0)), Fault.UNUSABLE),
        (Guidance.POSE, pose_message(quaternion=(float("nan"), 0.0, 0.0, 0.0)), Fault.UNUSABLE),
    ],
)
def test_faults_are_distinguished_and_do_not_keep_the_session_alive(guidance, message, fault):
    cell = Cell(guidance, timeout_s=2.5 * PERIOD_S)
    for _ in range(2):
        cell.session.receive(message.SerializeToString())
        cell.step()
    assert cell.faults == {fault: 2}
    np.testing.assert_array_equal(cell.arm.joints_deg_7, HOME)
    with pytest.raises(MotionError):
        cell.step()


@given(st.floats(0.01, 0.3), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_a_session_ends_after_the_timeout_and_not_before(timeout_s, messages):
    cell = Cell(timeout_s=timeout_s)
    for sequence in range(messages):
        cell.session.receive(joint_message(sequence).SerializeToString())
        cell.step()
    # The step that receives a message counts as the first without one.
    lived = 1

    def live():
        nonlocal lived
        while lived < 1000:
            cell.step()
            lived += 1

    with pytest.raises(MotionError) as ended:
        live()
    assert ended.value.kind is EventKind.SENSOR_SILENT
    assert abs(lived * PERIOD_S - timeout_s) <= PERIOD_S * 1.001


def test_the_seventh_axis_holds_without_a_target():
    cell = Cell()
    cell.session.receive(joint_message(external=()).SerializeToString())
    for _ in range(50):
        cell.step()
    np.testing.assert_allclose(cell.arm.joints_deg_7, [10.0, -120.0, 30.0, 0.0, 40.0, 0.0, 135.0])


def test_a_restart_clears_the_target():
    cell = Cell()
    cell.session.receive(joint_message(5).SerializeToString())
    cell.step()
    stood_deg_7 = cell.arm.joints_deg_7
    assert np.any(stood_deg_7 != HOME)
    cell.session.restart()
    cell.step()
    np.testing.assert_array_equal(cell.arm.joints_deg_7, stood_deg_7)
    cell.session.receive(joint_message(5).SerializeToString())
    assert cell.faults == {Fault.STALE: 1}
