"""The task of the ANYmal: follow a commanded velocity and yaw rate (IIFL section 5.2; rules as in Isaac Gym).

N robots, I some of them, J joints, S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.quantity import Quantity
from sim_bridge.benchmark.anymal_model import JOINTS, START_HEIGHT_M, SUBSTEPS, TIMESTEP_S, anymal_xml
from sim_bridge.benchmark.task import Judged, Task, TaskKind
from sim_bridge.benchmark.turning import about_vertical, into_body, matrices
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim_bridge.benchmark.simulations import Simulations

CONTROL_S = SUBSTEPS * TIMESTEP_S
STANCE_J = np.array([0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, 0.4, -0.8, -0.03, -0.4, 0.8])
"""Target joint positions of an action of zero, radians."""
ACTION_RAD = 0.5
"""Offset of an action of one from the stance, radians."""
MAX_COMMAND = np.array([2.0, 1.0, 1.0])
"""Largest commanded velocities forward and to the left, m/s, and yaw rate, rad/s."""
VELOCITY_SCALE, RATE_SCALE, JOINT_RATE_SCALE = 2.0, 0.25, 0.05
"""Scales of velocities, of angular velocities and of joint velocities in the observation."""
COMMAND_SCALE = np.array([VELOCITY_SCALE, VELOCITY_SCALE, RATE_SCALE])
START_STRETCH, START_RAD_PER_S = (0.5, 1.5), 0.1
"""Range of the initial joint positions as a share of the stance, and largest initial joint velocity, rad/s."""


class Anymal(Task):
    """The rules of ANYmals. A robot's commanded velocity stays the same for an episode."""

    def __init__(self, batch: Simulations) -> None:
        robots = batch.nsim
        self._qpos_NQ, self._qvel_NV = batch.bind("qpos"), batch.bind("qvel")
        self._ctrl_NA, self._touches_N5 = batch.bind("ctrl"), batch.bind("sensordata")
        self._torques_NJ = batch.bind("actuator_force")
        self._actions_NA = np.zeros((robots, len(JOINTS)))
        self._commands_N3 = np.zeros((robots, 3))

    @override
    def place(self, robots_I: NDArray[np.int64], generators_I: Sequence[np.random.Generator]) -> None:
        count = len(JOINTS)
        drawn_I = [
            (
                generator.uniform(*START_STRETCH, count),
                generator.uniform(-START_RAD_PER_S, START_RAD_PER_S, count),
                generator.uniform(-MAX_COMMAND, MAX_COMMAND),
            )
            for generator in generators_I
        ]
        stretch_IJ, rates_IJ, commands_I3 = (np.stack(values) for values in zip(*drawn_I, strict=True))
        self._qpos_NQ[robots_I, 2] = START_HEIGHT_M
        self._qpos_NQ[robots_I, 3:7] = about_vertical(np.zeros(len(robots_I)))
        self._qpos_NQ[robots_I, 7:] = stretch_IJ * STANCE_J
        self._qvel_NV[robots_I, 6:] = rates_IJ
        self._commands_N3[robots_I] = commands_I3
        self._actions_NA[robots_I] = 0.0

    @override
    def command(self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]) -> None:
        self._ctrl_NA[robots_I] = STANCE_J + ACTION_RAD * actions_IA
        self._actions_NA[robots_I] = actions_IA

    @override
    def judge(self, robots_I: NDArray[np.int64]) -> Judged:
        velocity_I3, rate_I3, _ = self._in_base_frame(robots_I)
        commands_I3 = self._commands_N3[robots_I]
        off_I = np.sum((commands_I3[:, :2] - velocity_I3[:, :2]) ** 2, axis=1)
        off_turning_I = (commands_I3[:, 2] - rate_I3[:, 2]) ** 2
        effort_I = np.sum(self._torques_NJ[robots_I] ** 2, axis=1)
        rewards_I = CONTROL_S * (np.exp(-off_I / 0.25) + 0.5 * np.exp(-off_turning_I / 0.25) - 2.5e-5 * effort_I)
        violated_I = np.asarray(self._touches_N5[robots_I].any(axis=1))
        return Judged(np.maximum(rewards_I, 0.0), violated_I, np.zeros_like(violated_I))

    @override
    def states(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        velocity_I3, rate_I3, down_I3 = self._in_base_frame(robots_I)
        return np.hstack(
            [
                VELOCITY_SCALE * velocity_I3,
                RATE_SCALE * rate_I3,
                down_I3,
                COMMAND_SCALE * self._commands_N3[robots_I],
                self._qpos_NQ[robots_I, 7:] - STANCE_J,
                JOINT_RATE_SCALE * self._qvel_NV[robots_I, 6:],
                self._actions_NA[robots_I],
            ]
        )

    def _in_base_frame(
        self, robots_I: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return velocity, m/s, angular velocity, rad/s, and direction of gravity in the base's frame, (I, 3) each."""
        turned_I33 = matrices(self._qpos_NQ[robots_I, 3:7])
        return into_body(turned_I33, self._qvel_NV[robots_I, :3]), self._qvel_NV[robots_I, 3:6], -turned_I33[:, 2]


def _observed() -> tuple[Quantity, ...]:
    limits = {"low": -5.0, "high": 5.0}
    return (
        *(Quantity(name=f"velocity_{axis}", unit="0.5 m/s", **limits) for axis in "xyz"),
        *(Quantity(name=f"rate_{axis}", unit="4 rad/s", **limits) for axis in "xyz"),
        *(Quantity(name=f"gravity_{axis}", unit="1", low=-1.01, high=1.01) for axis in "xyz"),
        Quantity(name="told_velocity_x", unit="0.5 m/s", **limits),
        Quantity(name="told_velocity_y", unit="0.5 m/s", **limits),
        Quantity(name="told_rate_z", unit="4 rad/s", **limits),
        *(Quantity(name=f"{joint}_from_stance", unit="rad", **limits) for joint in JOINTS),
        *(Quantity(name=f"{joint}_rate", unit="20 rad/s", **limits) for joint in JOINTS),
        *(Quantity(name=f"{joint}_last_action", unit="1", low=-1.0, high=1.0) for joint in JOINTS),
    )


ANYMAL = TaskKind(
    contract=TaskContract(observed=_observed(), moved_by=dict.fromkeys(JOINTS, "1"), meaning="joint_position"),
    rate_hz=1 / CONTROL_S,
    substeps=SUBSTEPS,
    horizon=2500,
    xml=anymal_xml(),
    bind=Anymal,
)
