"""Linear controllers with memory, and how several become one.

n hidden state dim, p observation dim, m control dim, T steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

PASSES = 200
"""Most alternations between aligning and merging."""
TOLERANCE = 1e-10
"""Relative decrease of the misfit at which the alternation ends."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class LinearController:
    """x_t = A x_(t-1) + B y_t from x_0 = 0, and u_t = C x_t (FLEET-MERGE, equation G.8)."""

    state: Matrix
    """A, (n, n)."""
    observation: Matrix
    """B, (n, p)."""
    control: Matrix
    """C, (m, n)."""

    def transformed(self, change: Matrix) -> LinearController:
        """Return a controller with the same controls whose hidden state is multiplied by an invertible matrix (equation G.9)."""
        back = np.linalg.inv(change)
        return LinearController(change @ self.state @ back, change @ self.observation, self.control @ back)

    def controls(self, observed_Tp: Matrix) -> Matrix:
        """Return the controls (T, m) after each observation."""
        hidden, controls = np.zeros(len(self.state)), []
        for observation in observed_Tp:
            hidden = self.state @ hidden + self.observation @ observation
            controls.append(self.control @ hidden)
        return np.array(controls)


def averaged_controllers(controllers: Sequence[LinearController]) -> LinearController:
    """Return the mean of the matrices."""
    return LinearController(
        *(np.mean([getattr(one, name) for one in controllers], axis=0) for name in ("state", "observation", "control"))
    )


def merged_by_permutation(controllers: Sequence[LinearController]) -> LinearController:
    """Return the mean after the hidden entries of every controller were permuted to be near it (appendix G.4.1).

    Aligning and merging alternate, beginning at the first controller: at the mean of two, each already is as near as it can be. The
    term of A is quadratic in a permutation; as in equation G.12 one factor stays at the present permutation, and a permutation that
    does not lower the true misfit is dropped.
    """
    orders = [np.arange(len(one.state)) for one in controllers]
    aligned, mean = list(controllers), controllers[0]
    for _ in range(PASSES):
        changed = False
        for index, one in enumerate(controllers):
            rows = one.state[orders[index]]
            gains_nn = rows.T @ mean.state + one.observation @ mean.observation.T + one.control.T @ mean.control
            old, new = linear_sum_assignment(gains_nn, maximize=True)
            order = old[np.argsort(new)]
            proposed = LinearController(one.state[np.ix_(order, order)], one.observation[order], one.control[:, order])
            if _misfit(proposed, mean) < _misfit(aligned[index], mean) * (1 - TOLERANCE):
                orders[index], aligned[index], changed = order, proposed, True
        mean = averaged_controllers(aligned)
        if not changed:
            break
    return mean


def merged_by_transformation(controllers: Sequence[LinearController]) -> LinearController:
    """Return the controller nearest to all others up to linear changes of their hidden states (appendix G.4.2, equation G.14).

    The misfit is convex in the changes and in the merged controller alone. The paper takes gradient steps on both in turn; here both
    least-squares problems are solved exactly in turn, from the first controller and until the misfit falls no further. Beginning at the
    first controller rather than at the mean, from which opposite controllers vanish, finds a merge of controllers that do the same.
    """
    merged, misfit = controllers[0], np.inf
    for _ in range(PASSES):
        changes = [_nearest_change(one, merged) for one in controllers]
        merged = _nearest_controller(controllers, changes)
        before, misfit = misfit, sum(_misfit_under(*pair, merged) for pair in zip(controllers, changes, strict=True))
        if misfit > before * (1 - TOLERANCE):
            break
    return merged


def _misfit(one: LinearController, other: LinearController) -> float:
    return _misfit_under(one, np.eye(len(one.state)), other)


def _misfit_under(one: LinearController, change: Matrix, merged: LinearController) -> float:
    """Return |P A - A_i P|^2 + |P B - B_i|^2 + |C - C_i P|^2 of equation G.14."""
    return float(
        np.square(change @ merged.state - one.state @ change).sum()
        + np.square(change @ merged.observation - one.observation).sum()
        + np.square(merged.control - one.control @ change).sum()
    )


def _nearest_change(one: LinearController, merged: LinearController) -> Matrix:
    """Return the P of the smallest misfit, by least squares in its n^2 entries."""
    eye = np.eye(len(one.state))
    # Rows of vec(P), entry (i, j) at i n + j: vec(X P Y) = (X kron Y^T) vec(P).
    rows = np.concatenate(
        [
            np.kron(eye, merged.state.T) - np.kron(one.state, eye),
            np.kron(eye, merged.observation.T),
            np.kron(one.control, eye),
        ]
    )
    wanted = np.concatenate([np.zeros(eye.size), one.observation.ravel(), merged.control.ravel()])
    change: Matrix = np.linalg.lstsq(rows, wanted)[0].reshape(eye.shape)
    return change


def _nearest_controller(controllers: Sequence[LinearController], changes: Sequence[Matrix]) -> LinearController:
    """Return the merged controller of the smallest misfit for given changes."""
    gram = np.sum([change.T @ change for change in changes], axis=0)
    pairs = list(zip(controllers, changes, strict=True))
    inverse: Matrix = np.linalg.inv(gram)
    state = inverse @ np.sum([change.T @ one.state @ change for one, change in pairs], axis=0)
    observation = inverse @ np.sum([change.T @ one.observation for one, change in pairs], axis=0)
    return LinearController(state, observation, np.mean([one.control @ change for one, change in pairs], axis=0))
