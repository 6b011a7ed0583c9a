"""Linear systems with noise and quadratic costs, and their optimal controllers.

n state dim, p observation dim, m control dim, R rollouts, T steps, K controllers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_discrete_are

from policy_merge.linear_controller import LinearController

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class LinearSystem:
    """x_(t+1) = A x_t + B u_t + w_t, observed as y_t = C x_t + v_t, with noises and first states of unit covariance.

    The cost of a step is a |x|^2 + |u|^2 (FLEET-MERGE, appendix G.1 and G.5).
    """

    dynamics: Matrix
    """A, (n, n)."""
    control: Matrix
    """B, (n, m)."""
    observation: Matrix
    """C, (p, n)."""
    state_cost: float
    """a."""

    def expert(self) -> LinearController:
        """Return the controller of the smallest average cost (equation G.7)."""
        dynamics, control, observation = self.dynamics, self.control, self.observation
        states, controls, observed = (np.eye(size) for size in (len(dynamics), control.shape[1], len(observation)))
        value = solve_discrete_are(dynamics, control, self.state_cost * states, controls)
        gain = -np.linalg.solve(control.T @ value @ control + controls, control.T @ value @ dynamics)
        spread = solve_discrete_are(dynamics.T, observation.T, states, observed)
        filtered = spread @ observation.T @ np.linalg.inv(observation @ spread @ observation.T + observed)
        closed = dynamics + control @ gain
        return LinearController(closed - filtered @ observation @ closed, filtered, gain)

    def rolled_out(
        self, controllers: Sequence[LinearController], rollouts: int, steps: int, seed: int
    ) -> tuple[Matrix, Matrix, Matrix]:
        """Return observations (K, R, T, p), controls (K, R, T, m) and mean costs per step (K,), with the same noises for all."""
        random = np.random.default_rng(seed)
        size, outputs = len(self.dynamics), len(self.observation)
        states_Knn, observed_Knp, controls_Kmn = (
            np.stack([getattr(one, name) for one in controllers]) for name in ("state", "observation", "control")
        )
        count = len(controllers)
        true_KRn = np.broadcast_to(random.normal(size=(rollouts, size)), (count, rollouts, size))
        hidden_KRn = np.zeros((count, rollouts, size))
        observations, controls, costs = [], [], np.zeros(count)
        with np.errstate(over="ignore", invalid="ignore"):  # Controllers that do not stabilise the system diverge.
            for _ in range(steps):
                seen_KRp = true_KRn @ self.observation.T + random.normal(size=(rollouts, outputs))
                hidden_KRn = hidden_KRn @ states_Knn.swapaxes(1, 2) + seen_KRp @ observed_Knp.swapaxes(1, 2)
                control_KRm = hidden_KRn @ controls_Kmn.swapaxes(1, 2)
                costs += (self.state_cost * np.square(true_KRn).sum(2) + np.square(control_KRm).sum(2)).mean(1)
                true_KRn = (
                    true_KRn @ self.dynamics.T + control_KRm @ self.control.T + random.normal(size=(rollouts, size))
                )
                observations.append(seen_KRp)
                controls.append(control_KRm)
        return np.stack(observations, 2), np.stack(controls, 2), costs / steps


def aircraft(*, unstable: bool, outputs: int, state_cost: float, seed: int) -> LinearSystem:
    """Return the longitudinal motion of an aircraft with random sensors.

    The paper prints B and the first three rows and columns of A; its fourth ones are those of the textbook example that both come from,
    the Boeing 747 of S. Boyd's lecture notes on linear dynamical systems.

    Args:
        unstable: whether the first entry of A is 1.1.
        outputs: number of sensors, p.
        state_cost: weight of the state's cost.
        seed: seed of the sensors.
    """
    dynamics = np.array(
        [[0.99, 0.03, -0.02, -0.32], [0.01, 0.47, 4.7, 0.0], [0.02, -0.06, 0.40, 0.0], [0.01, -0.04, 0.72, 0.99]]
    )
    if unstable:
        dynamics[0, 0] = 1.1
    control = np.array([[0.01, 0.99], [-3.44, 1.66], [-0.83, 0.44], [-0.47, 0.25]])
    sensors = np.random.default_rng(seed).normal(size=(outputs, 4))
    return LinearSystem(dynamics, control, sensors, state_cost)
