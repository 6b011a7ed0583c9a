"""Merges policies of several sites: member i of one with member i of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar

import torch
from torch import Tensor

from fleet_learning.dataset import Dataset
from fleet_learning.mergeable import Mergeable
from fleet_learning.network import Network
from fleet_learning.symmetry import Parameters, Permutations
from policy_merge.activation_matching import matched_by_activations
from policy_merge.alignment import AlignmentConfig, align
from policy_merge.averaging import averaged
from policy_merge.member import Member, count, ensemble, member_parameters
from policy_merge.regression_mean import gram_matrices, regression_mean
from policy_merge.weight_matching import matched_to_mean

ObservedT = TypeVar("ObservedT")
Matching = Literal["none", "weights", "activations", "fleet_merge"]
"""How units are matched before parameters are merged: not at all, by Git Re-Basin in two ways, or by FLEET-MERGE's algorithm 1."""


@dataclass(frozen=True)
class Method:
    """How networks are merged."""

    matching: Matching
    regresses: bool = False
    """Whether linear maps are merged by RegMean; everything else is averaged."""

    @property
    def needs_data(self) -> bool:
        """Whether sites need their data."""
        return self.regresses or self.matching in ("activations", "fleet_merge")


METHODS = {
    "regression_mean": Method("activations", regresses=True),
    "fleet_merge": Method("fleet_merge"),
    "weights": Method("weights"),
    "activations": Method("activations"),
    "average": Method("none"),
}
"""Methods by the name that commands take."""
Advance = Callable[[int, int], None]
"""Called with the number of steps that are done, and of all steps."""


@dataclass(frozen=True)
class Merged:
    """The result of a merging."""

    tensors: Mapping[str, Tensor]
    """Parameters of the merged network, or tensors of the merged policy."""
    moved: tuple[float, ...]
    """Share of the units of each site that changed places."""
    gram_bytes: int
    """Size of the Gram matrices of one site; 0 for methods that use none."""


class NetworkSite(Protocol[ObservedT]):
    """A network, and how its site lets it see the site's data."""

    @property
    def network(self) -> Network[ObservedT]:
        """Kind of the network."""

    @property
    def parameters(self) -> Parameters:
        """Its parameters."""

    def batches(self) -> Iterable[ObservedT]:
        """Return what the network sees at the site's data; the same at every call."""

    def loss(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return the loss of a network with these parameters on a batch of the data."""

    def reordered(self, orders: Permutations) -> Self:
        """Return the site whose network has its units in these orders."""


def merge_networks(
    sites: Sequence[NetworkSite[ObservedT]],
    method: Method,
    *,
    seed: int,
    alignment: AlignmentConfig,
    advance: Advance = lambda *_: None,
) -> Merged:
    """Merge networks of the same kind.

    Args:
        sites: the networks.
        method: how they are merged.
        seed: seed of everything that is random.
        alignment: how algorithm 1 searches permutations.
        advance: called after every step.
    """
    orders = _orders(sites, method.matching, seed, alignment, advance)
    placed = [site.reordered(own) for site, own in zip(sites, orders, strict=True)]
    moved = tuple(map(_moved_share, orders))
    parameters, network = [site.parameters for site in placed], sites[0].network
    if not method.regresses:
        return Merged(averaged(parameters), moved, 0)
    grams = [gram_matrices(network, site.parameters, site.batches()) for site in placed]
    size = sum(matrix.nbytes for matrix in grams[0].matrices.values())
    return Merged(regression_mean(network, parameters, grams), moved, size)


def merge(
    policies: Sequence[Mergeable],
    pairs: Sequence[Dataset],
    method: Method,
    *,
    seed: int,
    alignment: AlignmentConfig,
    advance: Advance = lambda *_: None,
) -> Merged:
    """Merge policies that have the same scaling, and tensors of the same shapes.

    Args:
        policies: the sites' policies.
        pairs: the pairs of each site; they may be empty if the method needs no data.
        method: how the policies are merged.
        seed: seed of everything that is random.
        alignment: how algorithm 1 searches permutations.
        advance: called after every step.
    """
    tensors = [policy.tensors() for policy in policies]
    members = count(tensors[0])
    merged = []
    for member in range(members):
        sites = [
            Member(policy, member_parameters(own, member), shown, seed)
            for policy, own, shown in zip(policies, tensors, pairs, strict=True)
        ]
        own_advance = _of_member(advance, member, members)
        merged.append(merge_networks(sites, method, seed=seed, alignment=alignment, advance=own_advance))
    return Merged(
        ensemble([own.tensors for own in merged]),
        tuple(torch.tensor([own.moved for own in merged]).mean(0).tolist()),
        sum(own.gram_bytes for own in merged),
    )


def _orders(
    sites: Sequence[NetworkSite[ObservedT]], matching: Matching, seed: int, alignment: AlignmentConfig, advance: Advance
) -> Sequence[Permutations]:
    """Return the orders of each site's units; with activations, they are matched to those of the first site."""
    first, symmetries = sites[0], sites[0].network.symmetries
    parameters = [site.parameters for site in sites]
    match matching:
        case "activations":
            orders = [symmetries.identity()]
            for site in sites[1:]:
                orders.append(matched_by_activations(site.network, site.parameters, first.parameters, site.batches()))
                advance(len(orders), len(sites))
            return orders
        case "weights":
            return matched_to_mean(symmetries, parameters, seed)
        case "fleet_merge":
            return align(
                symmetries,
                parameters,
                [site.loss for site in sites],
                alignment,
                seed=seed,
                on_epoch=lambda number, _: advance(number, alignment.epochs),
            ).orders
        case "none":
            return [symmetries.identity() for _ in sites]


def _of_member(advance: Advance, member: int, members: int) -> Advance:
    """Return what counts the steps of one member among those of all."""
    return lambda done, total: advance(member * total + done, members * total)


def _moved_share(orders: Permutations) -> float:
    return float(torch.cat([order != torch.arange(len(order)) for order in orders.values()]).float().mean())
