"""The task of the ant: run forward as fast as possible (IIFL section 5.2; observation, reward and violation as in Isaac Gym).

N robots, I some of them, J joints, S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.quantity import Quantity
from sim_bridge.benchmark.ant_model import (
    ANKLE_RANGE_DEG,
    HIP_RANGE_DEG,
    JOINTS,
    LEGS,
    START_HEIGHT_M,
    SUBSTEPS,
    TIMESTEP_S,
    ant_xml,
)
from sim_bridge.benchmark.task import Judged, Task, TaskKind
from sim_bridge.benchmark.turning import about_vertical, into_body, matrices, wrapped
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim_bridge.benchmark.simulations import Simulations

CONTROL_S = SUBSTEPS * TIMESTEP_S
LEAST_HEIGHT_M = 0.31
"""Height of the torso's centre below which the ant is in violation, m."""
DEATH_REWARD = -2.0
JOINT_RATE_SCALE, WRENCH_SCALE = 0.2, 0.1
"""Scales of joint velocities and foot sensors in the observation."""
_HIP_RAD, (_ANKLE_LOW_RAD, _ANKLE_HIGH_RAD) = np.deg2rad(HIP_RANGE_DEG), np.deg2rad(ANKLE_RANGE_DEG)
LOW_J = np.tile([-_HIP_RAD, _ANKLE_LOW_RAD], len(LEGS))
HIGH_J = np.tile([_HIP_RAD, _ANKLE_HIGH_RAD], len(LEGS))
"""Joint ranges, radians."""
START_J = np.tile([0.0, np.pi / 4], len(LEGS))
START_NOISE_RAD, START_NOISE_RAD_PER_S = 0.2, 0.1


class Ant(Task):
    """The rules of ants, which run along the world's x axis."""

    def __init__(self, batch: Simulations) -> None:
        robots = batch.nsim
        self._qpos_NQ, self._qvel_NV = batch.bind("qpos"), batch.bind("qvel")
        self._ctrl_NA, self._wrenches_NF = batch.bind("ctrl"), batch.bind("sensordata")
        self._actions_NA = np.zeros((robots, len(JOINTS)))
        self._ahead_N = np.zeros(robots)

    @override
    def place(self, robots_I: NDArray[np.int64], generators_I: Sequence[np.random.Generator]) -> None:
        count = len(JOINTS)
        noise_IJ = np.array([generator.uniform(-1, 1, 2 * count) for generator in generators_I])
        self._qpos_NQ[robots_I, 2] = START_HEIGHT_M
        self._qpos_NQ[robots_I, 3:7] = about_vertical(np.zeros(len(robots_I)))
        self._qpos_NQ[robots_I, 7:] = np.clip(START_J + START_NOISE_RAD * noise_IJ[:, :count], LOW_J, HIGH_J)
        self._qvel_NV[robots_I, 6:] = START_NOISE_RAD_PER_S * noise_IJ[:, count:]
        self._actions_NA[robots_I] = 0.0
        self._ahead_N[robots_I] = 0.0

    @override
    def command(self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]) -> None:
        self._ctrl_NA[robots_I] = actions_IA
        self._actions_NA[robots_I] = actions_IA

    @override
    def judge(self, robots_I: NDArray[np.int64]) -> Judged:
        turned_I33 = matrices(self._qpos_NQ[robots_I, 3:7])
        ahead_I, height_I = self._qpos_NQ[robots_I, 0], self._qpos_NQ[robots_I, 2]
        speed_I = (ahead_I - self._ahead_N[robots_I]) / CONTROL_S
        self._ahead_N[robots_I] = ahead_I
        actions_IA, rates_IJ = self._actions_NA[robots_I], self._qvel_NV[robots_I, 6:]
        upright_I, heading_I = turned_I33[:, 2, 2], turned_I33[:, 0, 0]
        rewards_I = (
            speed_I
            + 0.5
            + 0.1 * (upright_I > 0.93)
            + 0.5 * np.minimum(heading_I / 0.8, 1.0)
            - 0.005 * np.sum(actions_IA**2, axis=1)
            - 0.05 * np.sum(np.abs(actions_IA * rates_IJ * JOINT_RATE_SCALE), axis=1)
            - 0.1 * np.sum(self._spread(robots_I) > 0.99, axis=1)
        )
        violated_I = height_I < LEAST_HEIGHT_M
        return Judged(np.where(violated_I, DEATH_REWARD, rewards_I), violated_I, np.zeros_like(violated_I))

    @override
    def states(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        turned_I33 = matrices(self._qpos_NQ[robots_I, 3:7])
        velocity_I3 = into_body(turned_I33, self._qvel_NV[robots_I, :3])
        yaw_I = np.arctan2(turned_I33[:, 1, 0], turned_I33[:, 0, 0])
        roll_I = np.arctan2(turned_I33[:, 2, 1], turned_I33[:, 2, 2])
        return np.hstack(
            [
                self._qpos_NQ[robots_I, 2:3],
                velocity_I3,
                self._qvel_NV[robots_I, 3:6],
                np.stack([yaw_I, roll_I, wrapped(-yaw_I), turned_I33[:, 2, 2], turned_I33[:, 0, 0]], axis=1),
                self._spread(robots_I),
                JOINT_RATE_SCALE * self._qvel_NV[robots_I, 6:],
                WRENCH_SCALE * self._wrenches_NF[robots_I],
                self._actions_NA[robots_I],
            ]
        )

    def _spread(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the joint positions, -1 to 1 over their ranges, (I, J)."""
        return np.asarray(2 * (self._qpos_NQ[robots_I, 7:] - LOW_J) / (HIGH_J - LOW_J) - 1)


def _observed() -> tuple[Quantity, ...]:
    limits = {"low": -10.0, "high": 10.0}
    named = [
        Quantity(name="height", unit="m", low=0.0, high=10.0),
        *(Quantity(name=f"velocity_{axis}", unit="m/s", **limits) for axis in "xyz"),
        *(Quantity(name=f"rate_{axis}", unit="rad/s", **limits) for axis in "xyz"),
        *(Quantity(name=name, unit="rad", low=-3.15, high=3.15) for name in ("yaw", "roll", "angle_to_target")),
        *(Quantity(name=name, unit="1", low=-1.01, high=1.01) for name in ("upright", "heading")),
        *(Quantity(name=f"{joint}_spread", unit="1", low=-2.0, high=2.0) for joint in JOINTS),
        *(Quantity(name=f"{joint}_rate", unit="5 rad/s", **limits) for joint in JOINTS),
    ]
    for leg in LEGS:
        named += [Quantity(name=f"{leg}_force_{axis}", unit="10 N", **limits) for axis in "xyz"]
        named += [Quantity(name=f"{leg}_torque_{axis}", unit="10 N m", **limits) for axis in "xyz"]
    named += [Quantity(name=f"{joint}_last_action", unit="1", low=-1.0, high=1.0) for joint in JOINTS]
    return tuple(named)


ANT = TaskKind(
    contract=TaskContract(observed=_observed(), moved_by=dict.fromkeys(JOINTS, "1"), meaning="joint_torque"),
    rate_hz=1 / CONTROL_S,
    substeps=SUBSTEPS,
    horizon=1000,
    xml=ant_xml(),
    bind=Ant,
)
