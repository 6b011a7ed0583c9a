"""Operational space control of many arms: joint torques that move the hand to a target pose (Khatib 1987).

I robots, J arm joints, V degrees of freedom of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.benchmark.franka_cube_stack_model import ARM_JOINTS, TORQUES_NM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_bridge.benchmark.simulations import Simulations
    from sim_bridge.headless_mujoco import mujoco

STIFFNESS, REST_STIFFNESS = 150.0, 10.0
"""Stiffness of the hand, and of the joints in the null space, 1/s2; damping is critical."""
REST_J = np.array([0.0, 0.1963, 0.0, -2.618, 0.0, 2.9416, 0.7854])
"""Joint positions that the arm takes in the null space, radians."""


class CartesianControl:
    """Controls the arms of simulations whose first degrees of freedom are the arm's joints."""

    def __init__(self, batch: Simulations) -> None:
        model = batch.model
        self._batch = batch
        self._hand = int(model.body("hand").id)
        self._qpos_NQ, self._qvel_NV, self._places_N3 = batch.bind("qpos"), batch.bind("qvel"), batch.bind("site_xpos")
        self._grip = int(model.site("grip").id)
        self._masses_NM = batch.bind("M")
        rows, columns, self._of_M = _lower_triangle(model, len(ARM_JOINTS))
        self._rows, self._columns = rows, columns

    def torques(self, robots_I: NDArray[np.int64], deltas_I6: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return torques (I, J), N m, towards a pose that is offset by `deltas_I6`, m along and radians about the world's axes."""
        count = len(ARM_JOINTS)
        along_I3V, about_I3V = self._batch.jac(self._hand, self._places_N3[robots_I, self._grip], robots_I)
        jacobian_I6J = np.concatenate([along_I3V, about_I3V], axis=1)[:, :, :count]
        rates_IJ = self._qvel_NV[robots_I, :count]
        masses_IJJ = self._masses(robots_I)
        inverse_IJJ = np.linalg.inv(masses_IJJ)
        turned_IJ6 = np.swapaxes(jacobian_I6J, 1, 2)
        inertia_I66 = np.linalg.inv(jacobian_I6J @ inverse_IJJ @ turned_IJ6)
        velocity_I6 = np.einsum("iaj,ij->ia", jacobian_I6J, rates_IJ)
        wrench_I6 = np.einsum("iab,ib->ia", inertia_I66, STIFFNESS * deltas_I6 - 2 * np.sqrt(STIFFNESS) * velocity_I6)
        torques_IJ = np.einsum("ija,ia->ij", turned_IJ6, wrench_I6)

        off_IJ = np.remainder(REST_J - self._qpos_NQ[robots_I, :count] + np.pi, 2 * np.pi) - np.pi
        rest_IJ = np.einsum("ijk,ik->ij", masses_IJJ, REST_STIFFNESS * off_IJ - 2 * np.sqrt(REST_STIFFNESS) * rates_IJ)
        free_IJJ = np.eye(count) - turned_IJ6 @ inertia_I66 @ jacobian_I6J @ inverse_IJJ
        torques_IJ += np.einsum("ijk,ik->ij", free_IJJ, rest_IJ)
        return np.asarray(np.clip(torques_IJ, -np.array(TORQUES_NM), TORQUES_NM))

    def _masses(self, robots_I: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mass matrices of the arms, (I, J, J)."""
        count = len(ARM_JOINTS)
        masses_IJJ = np.zeros((len(robots_I), count, count))
        entries = self._masses_NM[np.ix_(robots_I, self._of_M)]
        masses_IJJ[:, self._rows, self._columns] = entries
        masses_IJJ[:, self._columns, self._rows] = entries
        return masses_IJJ


def _lower_triangle(
    model: mujoco.MjModel, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return rows, columns and addresses of the stored entries of the mass matrix for the first `count` degrees of freedom."""
    entries = [
        (row, int(model.M_colind[address]), address)
        for row in range(count)
        for address in range(
            int(model.M_rowadr[row]),
            int(model.M_rowadr[row] + model.M_rownnz[row]),
        )
    ]
    rows, columns, addresses = zip(*entries, strict=True)
    return np.array(rows), np.array(columns), np.array(addresses)
