"""Spectral normalisation of perceptrons (Miyato et al. 2018).

E ensemble members, I inputs, O outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fleet_learning.perceptron import Perceptrons


class SpectralNorm:
    """Divides every hidden layer's weights by their largest singular value, tracked by power iteration.

    The output layer is not normalised, so that energies may differ by more than actions do.
    """

    def __init__(self, net: Perceptrons) -> None:
        self.vectors = [torch.linalg.svd(weight.detach()).U[..., :1].contiguous() for weight in net.weights[:-1]]
        """Left singular vectors of the largest singular values, (E, I, 1) per hidden layer."""

    def __call__(self, net: Perceptrons) -> Perceptrons:
        """Return the normalised perceptrons, differentiable with respect to the weights, after one step of power iteration."""
        weights = [self._normalised(i, weight) for i, weight in enumerate(net.weights[:-1])]
        return Perceptrons((*weights, net.weights[-1]), net.biases)

    def _normalised(self, layer: int, weight: Tensor) -> Tensor:
        with torch.no_grad():
            right = torch.nn.functional.normalize(weight.mT @ self.vectors[layer], dim=1)
            left = torch.nn.functional.normalize(weight @ right, dim=1)
            self.vectors[layer].copy_(left)
        return weight / (left.mT @ weight @ right)


def folded(net: Perceptrons) -> Perceptrons:
    """Return perceptrons whose weights are the exactly normalised ones."""
    weights = [weight / torch.linalg.matrix_norm(weight, 2, keepdim=True) for weight in net.weights[:-1]]
    return Perceptrons((*weights, net.weights[-1]), net.biases)
