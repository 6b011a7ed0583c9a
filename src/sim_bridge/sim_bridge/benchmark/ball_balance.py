"""The task of the tray: catch a falling ball and keep it in the centre (IIFL section 5.2; rules as in Isaac Gym).

N robots, I some of them, L legs, S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.quantity import Quantity
from sim_bridge.benchmark.ball_balance_model import (
    BALL_RADIUS_M,
    KNEE_RANGE_RAD,
    LEGS,
    SUBSTEPS,
    TIMESTEP_S,
    ball_balance_xml,
)
from sim_bridge.benchmark.task import Judged, Task, TaskKind
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim_bridge.benchmark.simulations import Simulations

CONTROL_S = SUBSTEPS * TIMESTEP_S
ACTION_RAD = 20.0 * CONTROL_S
"""Change of a knee's target position by an action of one, radians."""
LEAST_HEIGHT_M = 2 * BALL_RADIUS_M
"""Height of the ball's centre below which it has fallen down, a violation, m."""
BEST_HEIGHT_M = 0.7
"""Height, m, of the point above the centre for which the reward is largest."""
START_FROM_MIDDLE_M, START_HEIGHT_M, START_DOWN_M_PER_S, MOST_INWARDS_M_PER_S = (0.001, 0.5), (1.0, 2.0), 5.0, 5.0
"""Ranges of the ball's initial distance from the centre and height, and its initial velocities: inwards the faster the farther out."""
WRENCH_SCALE = 1 / 20
"""Scale of force and torque sensors in the observation."""


class BallBalance(Task):
    """The rules of trays."""

    def __init__(self, batch: Simulations) -> None:
        model = batch.model
        qpos_NQ, qvel_NV = batch.bind("qpos"), batch.bind("qvel")
        ball_q, ball_v = int(model.joint("ball").qposadr[0]), int(model.joint("ball").dofadr[0])
        knees_q, knees_v = (
            [int(getattr(model.joint(f"{leg}_knee"), address)[0]) for leg in LEGS] for address in ("qposadr", "dofadr")
        )
        self._knees_q, self._knees_v = np.array(knees_q), np.array(knees_v)
        self._qpos_NQ, self._qvel_NV = qpos_NQ, qvel_NV
        self._ball_N3, self._ball_velocity_N3 = qpos_NQ[:, ball_q : ball_q + 3], qvel_NV[:, ball_v : ball_v + 3]
        self._targets_NL = batch.bind("ctrl")
        self._wrenches_NL6 = batch.bind("sensordata").reshape(batch.nsim, len(LEGS), 6)

    @override
    def place(self, robots_I: NDArray[np.int64], generators_I: Sequence[np.random.Generator]) -> None:
        drawn_I4 = np.array([generator.uniform(size=4) for generator in generators_I])
        near, far = START_FROM_MIDDLE_M
        low, high = START_HEIGHT_M
        out_I, angle_I = drawn_I4[:, 0], 2 * np.pi * drawn_I4[:, 1]
        away_I2 = np.stack([np.cos(angle_I), np.sin(angle_I)], axis=1)
        self._ball_N3[robots_I, :2] = (near + (far - near) * out_I)[:, None] * away_I2
        self._ball_N3[robots_I, 2] = low + (high - low) * drawn_I4[:, 2]
        self._ball_velocity_N3[robots_I, :2] = -(MOST_INWARDS_M_PER_S * drawn_I4[:, 3] * out_I)[:, None] * away_I2
        self._ball_velocity_N3[robots_I, 2] = -START_DOWN_M_PER_S

    @override
    def command(self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]) -> None:
        targets_IL = self._targets_NL[robots_I] + ACTION_RAD * actions_IA
        self._targets_NL[robots_I] = np.clip(targets_IL, *KNEE_RANGE_RAD)

    @override
    def judge(self, robots_I: NDArray[np.int64]) -> Judged:
        ball_I3 = self._ball_N3[robots_I]
        off_I = np.linalg.norm(ball_I3 - (0.0, 0.0, BEST_HEIGHT_M), axis=1)
        speed_I = np.linalg.norm(self._ball_velocity_N3[robots_I], axis=1)
        violated_I = ball_I3[:, 2] < LEAST_HEIGHT_M
        return Judged(1 / ((1 + off_I) * (1 + speed_I)), violated_I, np.zeros_like(violated_I))

    @override
    def states(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        wrenches_IL6 = WRENCH_SCALE * self._wrenches_NL6[robots_I]
        return np.hstack(
            [
                self._qpos_NQ[np.ix_(robots_I, self._knees_q)],
                self._qvel_NV[np.ix_(robots_I, self._knees_v)],
                self._ball_N3[robots_I],
                self._ball_velocity_N3[robots_I],
                wrenches_IL6[:, :, 2],
                wrenches_IL6[:, :, 3:].swapaxes(1, 2).reshape(len(robots_I), -1),
            ]
        )


def _observed() -> tuple[Quantity, ...]:
    return (
        *(Quantity(name=f"{leg}_knee", unit="rad", low=-2.0, high=2.0) for leg in LEGS),
        *(Quantity(name=f"{leg}_knee_rate", unit="rad/s", low=-30.0, high=30.0) for leg in LEGS),
        *(Quantity(name=f"ball_{axis}", unit="m", low=-2.5, high=2.5) for axis in "xyz"),
        *(Quantity(name=f"ball_velocity_{axis}", unit="m/s", low=-10.0, high=10.0) for axis in "xyz"),
        *(Quantity(name=f"{leg}_force_z", unit="20 N", low=-20.0, high=20.0) for leg in LEGS),
        *(Quantity(name=f"{leg}_torque_{axis}", unit="20 N m", low=-5.0, high=5.0) for axis in "xyz" for leg in LEGS),
    )


BALL_BALANCE = TaskKind(
    contract=TaskContract(
        observed=_observed(), moved_by={f"{leg}_knee_step": "1" for leg in LEGS}, meaning="displacement"
    ),
    rate_hz=1 / CONTROL_S,
    substeps=SUBSTEPS,
    horizon=500,
    xml=ball_balance_xml(),
    bind=BallBalance,
)
