"""Git Re-Basin by weights: permutes one network so that its weights are near those of another.

n units of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fleet_learning.symmetry import Parameters, Symmetries, composed
from policy_merge.projection import hard_projection

PASSES = 50
"""Most passes over all layers of one matching, and most passes over all networks of a merging."""


def matched(symmetries: Symmetries, network: Parameters, reference: Parameters, seed: int) -> dict[str, Tensor]:
    """Return the orders that bring a network's weights near those of the reference, by coordinate descent.

    One layer after the other, in random order, gets the permutation that maximises the inner product of all parameters, while the
    others stay, until none changes (Ainsworth et al. 2022, algorithm 1). The inner product of a recurrent matrix is quadratic in the
    permutation of its layer; it is linearised at the present one (FLEET-MERGE, appendix F), and a step that lowers it is not taken.

    Args:
        symmetries: of both networks.
        network: parameters of the network that is permuted.
        reference: parameters of the other one.
        seed: seed of the order of the layers.
    """
    generator = torch.Generator().manual_seed(seed)
    own = {layer: symmetries.of_layer(layer) for layer in symmetries.layers}
    layers, orders, present = list(own), symmetries.identity(), dict(network)
    # Layers that stay unless another one moves with which they share a parameter.
    settled: set[str] = set()
    for _ in range(PASSES):
        for index in torch.randperm(len(layers), generator=generator).tolist():
            layer = layers[index]
            if layer in settled:
                continue
            settled.add(layer)
            order = hard_projection(_similarities(own[layer], layer, present, reference))
            if torch.equal(order, torch.arange(len(order))):
                continue
            proposed = own[layer].reordered(present, {layer: order})
            before = {name: present[name] for name in proposed}
            if _inner_product(proposed, reference) > _inner_product(before, reference):
                present |= proposed
                orders[layer] = orders[layer][order]
                settled -= own[layer].layers.keys()
        if len(settled) == len(layers):
            break
    return orders


def matched_to_mean(symmetries: Symmetries, networks: Sequence[Parameters], seed: int) -> list[dict[str, Tensor]]:
    """Return orders of several networks, each matched to the mean of the others in turn (Ainsworth et al. 2022, algorithm 3)."""
    generator = torch.Generator().manual_seed(seed)
    present = [dict(network) for network in networks]
    orders = [symmetries.identity() for _ in networks]
    for number in range(PASSES):
        changed = False
        for index in torch.randperm(len(networks), generator=generator).tolist():
            others = [own for other, own in enumerate(present) if other != index]
            mean = {name: torch.stack([own[name] for own in others]).mean(0) for name in symmetries.axes}
            step = matched(symmetries, present[index], mean, seed + number)
            if any((order != torch.arange(len(order))).any() for order in step.values()):
                changed = True
                present[index] = symmetries.reordered(present[index], step)
                orders[index] = composed(orders[index], step)
        if not changed:
            break
    return orders


def _similarities(symmetries: Symmetries, layer: str, network: Parameters, reference: Parameters) -> Tensor:
    """Return how well each unit of the network (columns) would do in each place of the reference (rows), (n, n)."""
    units = symmetries.layers[layer]
    similarities_nn = torch.zeros(units, units)
    for name, axes in symmetries.axes.items():
        for dimension, axis in enumerate(axes):
            sizes = [part.size for part in axis]
            pairs = (torch.split(own[name].movedim(dimension, 0), sizes) for own in (reference, network))
            for part, there, here in zip(axis, *pairs, strict=True):
                if part.layer == layer:
                    similarities_nn += (
                        there.flatten(1) @ here.flatten(1).T if there.dim() > 1 else torch.outer(there, here)
                    )
    return similarities_nn


def _inner_product(first: Parameters, second: Parameters) -> float:
    return sum(float((first[name].double() * second[name].double()).sum()) for name in first)
