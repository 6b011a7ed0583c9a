"""Git Re-Basin by activations: units are matched by what they do on the same observations."""

from __future__ import annotations

import torch
from torch import Tensor

from policy_merge.network import Network
from policy_merge.projection import hard_projection
from policy_merge.symmetry import Parameters


def matched_by_activations(
    network: Network, parameters: Parameters, reference: Parameters, observed: Tensor
) -> dict[str, Tensor]:
    """Return the orders at which every layer's activations correlate best with the reference's (Ainsworth et al. 2022, section 3.1).

    Both networks see the same observations, those of the site whose network is permuted; nothing but the reference is sent to it.
    Ainsworth et al. minimise squared differences; correlations do not depend on the scales of units, which differ between networks
    that were trained apart. A unit whose activation never changes has no correlation with any other.

    Args:
        network: kind of both networks.
        parameters: parameters of the network that is permuted.
        reference: parameters of the other one.
        observed: observations.
    """
    with torch.no_grad():
        own, other = (network.activations(each, observed) for each in (parameters, reference))
    return {layer: hard_projection(_standardised(other[layer]).T @ _standardised(own[layer])) for layer in own}


def _standardised(activations_Xn: Tensor) -> Tensor:
    centred_Xn = (activations_Xn - activations_Xn.mean(0)).double()
    return centred_Xn / centred_Xn.square().sum(0).sqrt().clamp_min(1e-12)
