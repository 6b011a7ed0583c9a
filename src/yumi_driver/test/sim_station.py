from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from abb_robot_client.egm import EGM
from abb_robot_client.rws import RWS, ABBException

from yumi_driver.sim_controller.lockstep_pace import LockstepPace
from yumi_driver.sim_controller.simulated_controller import SimulatedController

TASKS = ["T_ROB_L", "T_ROB_R"]
GOAL_DEG_7 = np.array([10.0, -120.0, 25.0, 5.0, 35.0, -5.0, 125.0])
RUNNING, MOTORS_OFF, STOPPED = (1, 2, 3), (2, 1, 2), (1, 1, 2)
"""States of motors, program and motion, as numbered by EGM."""
OVER_THE_TABLE_DEG_7 = {
    "ROB_L": np.array([-75.0, -81.0, 30.0, 138.0, 72.0, 83.0, 82.0]),
    "ROB_R": np.array([75.0, -81.0, 30.0, -138.0, 72.0, -83.0, -82.0]),
}
"""Postures with the tools pointing down, 150 mm over the table and 400 mm before the robot."""


@dataclass
class Station:
    """A controller in lockstep, and its clients with one sensor per arm."""

    controller: SimulatedController
    pace: LockstepPace
    rws: RWS
    left: EGM
    right: EGM

    def start(self):
        self.rws.set_controller_state("motoron")
        self.rws.start("forever", TASKS)

    def exchange(self, send=lambda _: None):
        """Run one control step and return the left sensor's newest feedback, which `send` may answer."""
        self.pace.advance()
        feedback = newest(self.left)
        if feedback is not None:
            send(feedback)
        return feedback

    def run(self, steps, send=lambda _: None):
        feedback = None
        for _ in range(steps):
            feedback = self.exchange(send)
        return feedback

    def arm(self, unit="ROB_L"):
        with self.controller.held() as inside:
            return inside.arms[unit]

    def events(self):
        return [event.code for event in reversed(self.rws.read_event_log())]

    def faults(self):
        with self.controller.held() as inside:
            return {fault.name: count for fault, count in inside.rapid.tasks["T_ROB_L"].faults.items()}


def newest(sensor):
    feedback = None
    while True:
        received, state = sensor.receive_from_robot(0)
        if not received:
            return feedback
        feedback = state


@contextmanager
def running_station(**settings):
    pace = LockstepPace()
    with SimulatedController(pace=pace, **settings) as controller:
        station = Station(
            controller,
            pace,
            RWS(controller.url),
            EGM(controller.egm_ports["ROB_L"]),
            EGM(controller.egm_ports["ROB_R"]),
        )
        try:
            yield station
        finally:
            station.rws.close()
            station.left.close()
            station.right.close()


def refused(call, code):
    with pytest.raises(ABBException) as refusal:
        call()
    assert refusal.value.code == code
    return refusal


def to_joints(station, goal_deg_7=GOAL_DEG_7):
    return lambda _: station.left.send_to_robot(goal_deg_7[:6], external_joints=goal_deg_7[6:])


def to_position(station, offset_mm_3):
    tip = station.arm().tip
    return lambda _: station.left.send_to_robot_cart(tip.position_mm_3 + offset_mm_3, tip.quaternion_4)


def states(feedback):
    message = feedback.robot_message
    return message.motorState.state, message.rapidExecState.state, message.mciState.state
