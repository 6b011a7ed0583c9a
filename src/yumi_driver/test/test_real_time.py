import threading
import time

import numpy as np
import pytest
from abb_robot_client.egm import EGM
from abb_robot_client.rws import RWS
from sim_station import OVER_THE_TABLE_DEG_7, TASKS, newest

from yumi_driver.sim_controller.arm import SpeedLimits
from yumi_driver.sim_controller.egm_session import Guidance
from yumi_driver.sim_controller.simulated_controller import SimulatedController

TIMEOUT_S = 5.0
"""Silence of the sensor that ends its session: longer than a busy machine delays an answer."""
PERIOD_S = 0.004


@pytest.fixture
def running():
    """Yield a controller in real time whose left arm moves slowly, and its clients."""
    with SimulatedController(
        guidance=Guidance.POSE,
        timeout_s=TIMEOUT_S,
        limits=SpeedLimits(tip_mm_s=20.0),
        start_deg_7=OVER_THE_TABLE_DEG_7,
    ) as controller:
        rws, sensor = RWS(controller.url), EGM(controller.egm_ports["ROB_L"])
        rws.set_controller_state("motoron")
        rws.start("forever", ["T_ROB_L"])
        yield controller, rws, sensor
        rws.close()
        sensor.close()


def follow(sensor, messages):
    """Answer this number of messages with a far target, and return all feedback."""
    feedback, goal = [], None
    for _ in range(messages):
        received, state = sensor.receive_from_robot(60)
        assert received
        goal = state.cartesian if goal is None else goal
        sensor.send_to_robot_cart(goal[0] + [100.0, 0.0, 0.0], goal[1])
        feedback.append(state)
    return feedback


def test_steps_take_four_milliseconds(running):
    _, _, sensor = running
    started_s = time.monotonic()
    feedback = follow(sensor, 100)
    took_s = time.monotonic() - started_s
    times_ms = [state.robot_message.header.tm for state in feedback]
    assert np.diff(times_ms).tolist() == [4] * 99
    assert took_s > 0.8 * 99 * 0.004
    distance_mm = np.linalg.norm(feedback[-1].cartesian[0] - feedback[0].cartesian[0])
    assert 5.0 < distance_mm <= 20.0 * 99 * 0.004 * 1.0001


def test_silence_ends_the_messages_and_the_motion(running):
    controller, rws, sensor = running
    last = follow(sensor, 20)[-1]
    with controller.held():
        # All messages have been received, and the answer is the last one.
        answered = newest(sensor) or last
        sensor.send_to_robot_cart(answered.cartesian[0] + [100.0, 0.0, 0.0], answered.cartesian[1])
    executing = True
    while executing:
        executing = rws.get_execution_state().ctrlexecstate == "running"
        last = newest(sensor) or last
    silent = last.robot_message.header.seqno - answered.robot_message.header.seqno
    assert abs(silent - TIMEOUT_S / PERIOD_S) <= 2
    with controller.held() as inside:
        tip = inside.arms["ROB_L"].tip
    np.testing.assert_allclose(tip.position_mm_3, last.cartesian[0], atol=2 * 20.0 * 0.004)


def test_a_guard_stop_in_the_middle_of_a_motion(running):
    controller, rws, sensor = running
    before = follow(sensor, 20)[-1]
    with controller.held() as inside:
        inside.panel.open_guard()
        stood = inside.arms["ROB_L"].tip
    feedback = follow(sensor, 20)
    assert rws.get_controller_state() == "guardstop"
    assert not feedback[-1].motors_on
    assert not feedback[-1].rapid_running
    np.testing.assert_array_equal(feedback[-1].cartesian[0], stood.position_mm_3)
    assert np.linalg.norm(stood.position_mm_3 - before.cartesian[0]) > 0.0


def test_nothing_is_left_behind():
    before = set(threading.enumerate())
    with SimulatedController() as controller:
        rws = RWS(controller.url)
        assert rws.get_tasks().keys() == set(TASKS)
        assert len(set(threading.enumerate()) - before) >= 2
    assert set(threading.enumerate()) == before
    rws.close()


def test_a_port_in_use_is_an_error_and_leaves_nothing_behind():
    before = set(threading.enumerate())
    with SimulatedController() as first:
        port = int(first.url.rpartition(":")[2])
        during = set(threading.enumerate())
        with pytest.raises(OSError, match="in use"), SimulatedController(http_port=port):
            pass
        assert set(threading.enumerate()) == during
    assert set(threading.enumerate()) == before
