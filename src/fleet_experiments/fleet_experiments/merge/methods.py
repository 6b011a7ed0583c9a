"""The ways in which the networks of several sites become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fleet_experiments.merge.site import Site
from fleet_learning.symmetry import Parameters
from policy_merge.activation_matching import matched_by_activations
from policy_merge.alignment import AlignmentConfig, align
from policy_merge.averaging import averaged
from policy_merge.regression_mean import GramMatrices, gram_matrices, regression_mean
from policy_merge.weight_matching import matched_to_mean

MATCHED_WINDOWS = 200
"""Windows of a site on which activations and Gram matrices are computed."""


@dataclass(frozen=True)
class Merged:
    """A merged network."""

    parameters: dict[str, Tensor]
    moved: float
    """Share of the units that found another place, mean over the sites."""


Method = Callable[[Sequence[Site], AlignmentConfig, int], Merged]
"""Merges sites; takes the config of FLEET-MERGE's search, and a seed."""


def average(sites: Sequence[Site], config: AlignmentConfig, seed: int) -> Merged:  # noqa: ARG001
    """Average the parameters as they are."""
    return Merged(averaged([site.parameters for site in sites]), 0.0)


def weight_matching(sites: Sequence[Site], config: AlignmentConfig, seed: int) -> Merged:  # noqa: ARG001
    """Average after Git Re-Basin by weights."""
    networks = [site.parameters for site in sites]
    return _averaged(sites, matched_to_mean(sites[0].network.symmetries, networks, seed))


def activation_matching(sites: Sequence[Site], config: AlignmentConfig, seed: int) -> Merged:  # noqa: ARG001
    """Average after Git Re-Basin by activations."""
    return _averaged(sites, _matched_to_first(sites))


def fleet_merge(sites: Sequence[Site], config: AlignmentConfig, seed: int) -> Merged:
    """Average at the permutations of FLEET-MERGE's algorithm 1."""
    networks, losses = [site.parameters for site in sites], [site.loss for site in sites]
    found = align(sites[0].network.symmetries, networks, losses, config, seed=seed)
    return _averaged(sites, found.orders)


def regression(sites: Sequence[Site], config: AlignmentConfig, seed: int) -> Merged:  # noqa: ARG001
    """RegMean as it is."""
    return _regressed(sites, [site.network.symmetries.identity() for site in sites])


def matched_regression(sites: Sequence[Site], config: AlignmentConfig, seed: int) -> Merged:  # noqa: ARG001
    """RegMean after Git Re-Basin by activations."""
    return _regressed(sites, _matched_to_first(sites))


METHODS: Mapping[str, Method] = {
    "average": average,
    "Git Re-Basin, weights": weight_matching,
    "Git Re-Basin, activations": activation_matching,
    "FLEET-MERGE": fleet_merge,
    "RegMean": regression,
    "RegMean, matched": matched_regression,
}
"""All methods by name."""


def _seen(site: Site) -> Tensor:
    """Return some of the site's states, evenly spread over its windows."""
    rows = torch.linspace(0, len(site.windows) - 1, min(MATCHED_WINDOWS, len(site.windows))).long()
    return site.windows.states_XTS[rows]


def _matched_to_first(sites: Sequence[Site]) -> list[dict[str, Tensor]]:
    first = sites[0]
    matched = [matched_by_activations(one.network, one.parameters, first.parameters, _seen(one)) for one in sites[1:]]
    return [first.network.symmetries.identity(), *matched]


def _averaged(sites: Sequence[Site], orders: Sequence[Mapping[str, Tensor]]) -> Merged:
    symmetries = sites[0].network.symmetries
    present = [symmetries.reordered(site.parameters, own) for site, own in zip(sites, orders, strict=True)]
    return Merged(averaged(present), _moved(orders))


def _regressed(sites: Sequence[Site], orders: Sequence[Mapping[str, Tensor]]) -> Merged:
    network = sites[0].network
    symmetries = network.symmetries
    present: list[Parameters] = []
    grams: list[GramMatrices] = []
    for site, own in zip(sites, orders, strict=True):
        present.append(symmetries.reordered(site.parameters, own))
        grams.append(gram_matrices(network, site.parameters, _seen(site)).permuted(symmetries, network, own))
    return Merged(regression_mean(network, present, grams), _moved(orders))


def _moved(orders: Sequence[Mapping[str, Tensor]]) -> float:
    elsewhere = [order != torch.arange(len(order)) for own in orders for order in own.values()]
    return float(torch.cat(elsewhere).float().mean())
