"""Projections of matrices to doubly stochastic matrices and to permutations.

n units of a layer.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

ITERATIONS = 20
"""Normalisations of rows and columns. The paper gives no number."""


def soft_projection(matrix_nn: Tensor, temperature: float, iterations: int = ITERATIONS) -> Tensor:
    """Return the doubly stochastic matrix P (n, n) that maximises <P, M> + temperature * entropy(P), differentiable.

    Rows and columns are normalised in turn, columns last (Sinkhorn 1967; FLEET-MERGE, section 3.1). Only two vectors of scales
    are iterated; exponents are taken once, relative to the largest entry of every row.

    Args:
        matrix_nn: M.
        temperature: above 0; small values give nearly a permutation.
        iterations: number of normalisations of rows and columns.
    """
    logits_nn = matrix_nn / temperature
    kernel_nn = (logits_nn - logits_nn.amax(1, keepdim=True).detach()).exp()
    tiny = torch.finfo(kernel_nn.dtype).tiny
    rows_n1, columns_1n = torch.ones_like(kernel_nn[:, :1]), torch.ones_like(kernel_nn[:1])
    for _ in range(iterations):
        rows_n1 = 1 / (kernel_nn * columns_1n).sum(1, keepdim=True).clamp_min(tiny)
        columns_1n = 1 / (kernel_nn * rows_n1).sum(0, keepdim=True).clamp_min(tiny)
    return rows_n1 * kernel_nn * columns_1n


def hard_projection(matrix_nn: Tensor) -> Tensor:
    """Return the order (n,) of the permutation that maximises <P, M>: new unit i is the old unit order[i]."""
    _, columns = linear_sum_assignment(matrix_nn.detach().double().cpu().numpy(), maximize=True)
    return torch.from_numpy(columns)
