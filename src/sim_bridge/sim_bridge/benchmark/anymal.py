"""The ANYmal, which is to walk as fast and turn as fast as it is told (IIFL section 5.2; rules as in Isaac Gym).

N robots, I some of them, J joints, S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.quantity import Quantity
from sim_bridge.benchmark.anymal_model import JOINTS, START_HEIGHT_M, SUBSTEPS, TIMESTEP_S, anymal_xml
from sim_bridge.benchmark.task import Judged, TaskKind
from sim_bridge.benchmark.turning import about_vertical, into_body, matrices
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim_bridge.benchmark.simulations import Simulations

CONTROL_S = SUBSTEPS * TIMESTEP_S
STANCE_J = np.array([0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, 0.4, -0.8, -0.03, -0.4, 0.8])
"""Joint positions that an action of zero asks for, radians."""
ACTION_RAD = 0.5
"""By which an action of one differs from the stance."""
MOST_TOLD = np.array([2.0, 1.0, 1.0])
"""Of the speeds ahead and to the left, m/s, and of turning, rad/s, that it is told."""
VELOCITY_SCALE, RATE_SCALE, JOINT_RATE_SCALE = 2.0, 0.25, 0.05
"""Of speeds, of turning, and of joint velocities in the observation."""
TOLD_SCALE = np.array([VELOCITY_SCALE, VELOCITY_SCALE, RATE_SCALE])
START_STRETCH, START_RAD_PER_S = (0.5, 1.5), 0.1
"""Episodes begin with joints at so much of the stance, and moving this fast at most."""


class Anymal:
    """`Task` of ANYmals. What a robot is told stays the same for an episode."""

    def __init__(self, batch: Simulations) -> None:
        robots = batch.nsim
        self._qpos_NQ, self._qvel_NV = batch.bind("qpos"), batch.bind("qvel")
        self._ctrl_NA, self._touches_N5 = batch.bind("ctrl"), batch.bind("sensordata")
        self._torques_NJ = batch.bind("actuator_force")
        self._actions_NA = np.zeros((robots, len(JOINTS)))
        self._told_N3 = np.zeros((robots, 3))

    def place(self, robots_I: NDArray[np.int64], generators_I: Sequence[np.random.Generator]) -> None:
        """See `Task.place`."""
        count = len(JOINTS)
        drawn_I = [
            (
                generator.uniform(*START_STRETCH, count),
                generator.uniform(-START_RAD_PER_S, START_RAD_PER_S, count),
                generator.uniform(-MOST_TOLD, MOST_TOLD),
            )
            for generator in generators_I
        ]
        stretch_IJ, rates_IJ, told_I3 = (np.stack(values) for values in zip(*drawn_I, strict=True))
        self._qpos_NQ[robots_I, 2] = START_HEIGHT_M
        self._qpos_NQ[robots_I, 3:7] = about_vertical(np.zeros(len(robots_I)))
        self._qpos_NQ[robots_I, 7:] = stretch_IJ * STANCE_J
        self._qvel_NV[robots_I, 6:] = rates_IJ
        self._told_N3[robots_I] = told_I3
        self._actions_NA[robots_I] = 0.0

    def command(self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]) -> None:
        """See `Task.command`."""
        self._ctrl_NA[robots_I] = STANCE_J + ACTION_RAD * actions_IA
        self._actions_NA[robots_I] = actions_IA

    def judge(self, robots_I: NDArray[np.int64]) -> Judged:
        """See `Task.judge`."""
        velocity_I3, rate_I3, _ = self._seen_from_the_base(robots_I)
        told_I3 = self._told_N3[robots_I]
        off_I = np.sum((told_I3[:, :2] - velocity_I3[:, :2]) ** 2, axis=1)
        off_turning_I = (told_I3[:, 2] - rate_I3[:, 2]) ** 2
        effort_I = np.sum(self._torques_NJ[robots_I] ** 2, axis=1)
        rewards_I = CONTROL_S * (np.exp(-off_I / 0.25) + 0.5 * np.exp(-off_turning_I / 0.25) - 2.5e-5 * effort_I)
        violated_I = np.asarray(self._touches_N5[robots_I].any(axis=1))
        return Judged(np.maximum(rewards_I, 0.0), violated_I, np.zeros_like(violated_I))

    def states(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Task.states`."""
        velocity_I3, rate_I3, down_I3 = self._seen_from_the_base(robots_I)
        return np.hstack(
            [
                VELOCITY_SCALE * velocity_I3,
                RATE_SCALE * rate_I3,
                down_I3,
                TOLD_SCALE * self._told_N3[robots_I],
                self._qpos_NQ[robots_I, 7:] - STANCE_J,
                JOINT_RATE_SCALE * self._qvel_NV[robots_I, 6:],
                self._actions_NA[robots_I],
            ]
        )

    def _seen_from_the_base(
        self, robots_I: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Velocity, m/s, rate of turning, rad/s, and the direction of gravity, (I, 3) each."""
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
