"""Git Re-Basin by activations: units are matched by what they do on the same observations.

n units of a layer, X samples.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from fleet_learning.network import Network
from fleet_learning.symmetry import Parameters
from policy_merge.projection import hard_projection

ObservedT = TypeVar("ObservedT")


def matched_by_activations(
    network: Network[ObservedT], parameters: Parameters, reference: Parameters, batches: Iterable[ObservedT]
) -> dict[str, Tensor]:
    """Return the orders at which every layer's activations correlate best with the reference's (Ainsworth et al. 2022, section 3.1).

    Both networks see the same observations, those of the site whose network is permuted; nothing but the reference is sent to it.
    Ainsworth et al. minimise squared differences; correlations do not depend on the scales of units, which differ between networks
    that were trained apart. A unit whose activation never changes has no correlation with any other.

    Args:
        network: kind of both networks.
        parameters: parameters of the network that is permuted.
        reference: parameters of the other one.
        batches: observations.
    """
    layers = {layer: _Correlations.none(units) for layer, units in network.symmetries.layers.items()}
    for observed in batches:
        with torch.no_grad():
            own, other = (network.activations(each, observed) for each in (parameters, reference))
        for layer, correlations in layers.items():
            correlations.add(other[layer].double(), own[layer].double())
    return {layer: hard_projection(correlations.of_units()) for layer, correlations in layers.items()}


@dataclass
class _Correlations:
    """Sums over samples, in double precision, from which correlations between the units of two networks follow."""

    count: int
    sums_2n: Tensor
    squares_2n: Tensor
    products_nn: Tensor

    @classmethod
    def none(cls, units: int) -> _Correlations:
        """Return the sums over no samples."""
        zeros = torch.zeros(units, units, dtype=torch.double)
        return cls(0, zeros.new_zeros(2, units), zeros.new_zeros(2, units), zeros)

    def add(self, first_Xn: Tensor, second_Xn: Tensor) -> None:
        """Add samples of both networks."""
        both = torch.stack([first_Xn, second_Xn])
        self.count += len(first_Xn)
        self.sums_2n += both.sum(1)
        self.squares_2n += both.square().sum(1)
        self.products_nn += first_Xn.T @ second_Xn

    def of_units(self) -> Tensor:
        """Return the correlation of each unit of the first network (rows) with each one of the second (columns), (n, n)."""
        means_2n = self.sums_2n / self.count
        variances_2n = (self.squares_2n / self.count - means_2n.square()).clamp_min(0)
        covariances_nn = self.products_nn / self.count - torch.outer(*means_2n)
        # Rounding leaves a little variance of a constant unit.
        inverse_2n = torch.where(variances_2n > 1e-12 * self.squares_2n, variances_2n.rsqrt(), 0)
        return inverse_2n[0, :, None] * covariances_nn * inverse_2n[1]
