"""The task of the Franka arm: stack cube A on cube B (IIFL section 5.2 and appendix 7.3.2; rules as in Isaac Gym).

N robots, I some of them, S state dim, A action dim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.quantity import Quantity
from sim_bridge.benchmark.cartesian_control import REST_J, CartesianControl
from sim_bridge.benchmark.franka_cube_stack_model import (
    ARM_JOINTS,
    CUBE_A_M,
    CUBE_B_M,
    FINGER_M,
    FINGERS,
    SUBSTEPS,
    TABLE_MIDDLE_M,
    TIMESTEP_S,
    franka_cube_stack_xml,
)
from sim_bridge.benchmark.task import Judged, Task, TaskKind
from sim_bridge.benchmark.turning import about_vertical
from sim_bridge.task_contract import TaskContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim_bridge.benchmark.simulations import Simulations

CONTROL_S = SUBSTEPS * TIMESTEP_S
MOVED_BY = ("dx", "dy", "dz", "turn_x", "turn_y", "turn_z", "grip")
"""Quantities of the action: along and about the world's axes; a positive grip opens."""
REACH_M, REACH_RAD = 0.1, 0.5
"""Offset of the hand's target pose from its present pose for an action of one, m and radians."""
START_CUBES_M, START_YAW_RAD, START_JOINTS_RAD, START_FINGER_M = 0.25, np.pi / 4, 0.25, 0.035
LEAST_APART_M = np.sqrt(2) * (CUBE_A_M + CUBE_B_M) / 2
"""Least distance between the cubes' centres at the start, m."""
STACKED_M = 0.02
"""Tolerance of A's position on B, sideways and vertically, m."""
RELEASED_M = 0.04
"""Distance from A to the hand above which A is released, m."""
LIFTED_M = 0.04
"""Height of A's centre above that of its top on the table at which it is lifted, m."""


class FrankaCubeStack(Task):
    """The rules of arms, which have no violations."""

    def __init__(self, batch: Simulations) -> None:
        model = batch.model
        self._qpos_NQ, self._qvel_NV, self._ctrl_NU = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")
        grip = int(model.site("grip").id)
        self._hand_N3 = batch.bind("site_xpos")[:, grip]
        self._hand_N4 = batch.bind("site_xquat")[:, grip]
        self._sites_N3 = batch.bind("site_xpos")
        self._tips = [int(model.site(f"{finger}_tip").id) for finger in FINGERS]
        cube_a, cube_b = (int(model.joint(name).qposadr[0]) for name in ("cube_a", "cube_b"))
        self._a_N7, self._b_N7 = self._qpos_NQ[:, cube_a : cube_a + 7], self._qpos_NQ[:, cube_b : cube_b + 7]
        self._control = CartesianControl(batch)

    @override
    def place(self, robots_I: NDArray[np.int64], generators_I: Sequence[np.random.Generator]) -> None:
        count = len(ARM_JOINTS)
        noise_IJ = np.array([generator.uniform(-1, 1, count) for generator in generators_I])
        self._qpos_NQ[robots_I, :count] = REST_J + START_JOINTS_RAD * noise_IJ
        self._qpos_NQ[robots_I, count : count + len(FINGERS)] = START_FINGER_M
        self._ctrl_NU[robots_I, count:] = START_FINGER_M
        for cubes_N7, side_m, places_I3 in zip(
            (self._a_N7, self._b_N7),
            (CUBE_A_M, CUBE_B_M),
            np.stack([_cube_poses(generator) for generator in generators_I], axis=1),
            strict=True,
        ):
            cubes_N7[robots_I, :2] = places_I3[:, :2]
            cubes_N7[robots_I, 2] = side_m / 2
            cubes_N7[robots_I, 3:] = about_vertical(places_I3[:, 2])

    @override
    def command(self, robots_I: NDArray[np.int64], actions_IA: NDArray[np.float64]) -> None:
        count = len(ARM_JOINTS)
        deltas_I6 = actions_IA[:, :6] * ([REACH_M] * 3 + [REACH_RAD] * 3)
        self._ctrl_NU[robots_I, :count] = self._control.torques(robots_I, deltas_I6)
        self._ctrl_NU[robots_I, count:] = np.where(actions_IA[:, 6:] >= 0, FINGER_M, 0.0)

    @override
    def judge(self, robots_I: NDArray[np.int64]) -> Judged:
        a_I3, b_I3, hand_I3 = self._a_N7[robots_I, :3], self._b_N7[robots_I, :3], self._hand_N3[robots_I]
        tips_I = sum(np.linalg.norm(self._sites_N3[robots_I, tip] - a_I3, axis=1) for tip in self._tips)
        from_hand_I = np.linalg.norm(hand_I3 - a_I3, axis=1)
        lifted_I = a_I3[:, 2] - CUBE_A_M > LIFTED_M
        off_I3 = a_I3 - b_I3 - (0.0, 0.0, (CUBE_A_M + CUBE_B_M) / 2)
        near_I = 1 - np.tanh(10 * (from_hand_I + tips_I) / 3)
        aligned_I = (1 - np.tanh(10 * np.linalg.norm(off_I3, axis=1))) * lifted_I
        on_B_I = np.abs(a_I3[:, 2] - CUBE_B_M - CUBE_A_M / 2) < STACKED_M
        over_B_I = np.hypot(off_I3[:, 0], off_I3[:, 1]) < STACKED_M
        stacked_I = over_B_I & on_B_I & (from_hand_I > RELEASED_M)
        towards_I = 0.1 * np.maximum(near_I, aligned_I) + 1.5 * lifted_I + 2.0 * aligned_I
        return Judged(np.where(stacked_I, 16.0, towards_I), np.zeros_like(stacked_I), stacked_I)

    @override
    def states(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        a_I7, b_I7 = self._a_N7[robots_I], self._b_N7[robots_I]
        fingers = slice(len(ARM_JOINTS), len(ARM_JOINTS) + len(FINGERS))
        return np.hstack(
            [
                _xyzw(a_I7[:, 3:]),
                a_I7[:, :3],
                b_I7[:, :3] - a_I7[:, :3],
                self._hand_N3[robots_I],
                _xyzw(self._hand_N4[robots_I]),
                self._qpos_NQ[robots_I, fingers],
            ]
        )


def _cube_poses(generator: np.random.Generator) -> NDArray[np.float64]:
    """Return random x, y and yaw of A and B, (2, 3), that do not overlap."""
    spread = (START_CUBES_M, START_CUBES_M, START_YAW_RAD)
    while True:
        poses_23 = generator.uniform(-1, 1, (2, 3)) * spread + (TABLE_MIDDLE_M, 0.0, 0.0)
        if np.hypot(*(poses_23[0, :2] - poses_23[1, :2])) > LEAST_APART_M:
            return poses_23


def _xyzw(quaternions_I4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return quaternions in the order of ROS."""
    return np.roll(quaternions_I4, -1, axis=1)


def _observed() -> tuple[Quantity, ...]:
    turned = {"unit": "1", "low": -1.01, "high": 1.01}
    place = {"unit": "m", "low": -2.0, "high": 2.0}
    return (
        *(Quantity(name=f"cube_a_quaternion_{part}", **turned) for part in "xyzw"),
        *(Quantity(name=f"cube_a_{axis}", **place) for axis in "xyz"),
        *(Quantity(name=f"a_to_b_{axis}", **place) for axis in "xyz"),
        *(Quantity(name=f"hand_{axis}", **place) for axis in "xyz"),
        *(Quantity(name=f"hand_quaternion_{part}", **turned) for part in "xyzw"),
        *(Quantity(name=f"finger_{finger}", unit="m", low=-0.01, high=0.05) for finger in FINGERS),
    )


FRANKA_CUBE_STACK = TaskKind(
    contract=TaskContract(observed=_observed(), moved_by=dict.fromkeys(MOVED_BY, "1"), meaning="pose_delta"),
    rate_hz=1 / CONTROL_S,
    substeps=SUBSTEPS,
    horizon=500,
    xml=franka_cube_stack_xml(),
    bind=FrankaCubeStack,
)
