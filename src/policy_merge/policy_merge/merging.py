"""Merges policies of several sites: member i of one with member i of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor

from fleet_learning.dataset import Dataset
from fleet_learning.mergeable import Mergeable
from fleet_learning.randomness import torch_generator
from fleet_learning.symmetry import Parameters, Permutations
from policy_merge.activation_matching import matched_by_activations
from policy_merge.alignment import AlignmentConfig, align
from policy_merge.averaging import averaged
from policy_merge.regression_mean import gram_matrices, regression_mean
from policy_merge.weight_matching import matched_to_mean

Method = Literal["regression_mean", "fleet_merge", "weights", "activations", "average"]
"""How policies are merged.

regression_mean: RegMean after matching by activations.
fleet_merge: the mean after FLEET-MERGE's algorithm 1.
weights, activations: the mean after Git Re-Basin.
average: the mean.
"""
METHODS: tuple[Method, ...] = get_args(Method)
WITHOUT_DATA: frozenset[Method] = frozenset({"weights", "average"})
"""Methods that need the policies alone."""
BATCH = 128
"""Pairs that a network sees at once."""
Advance = Callable[[int, int], None]
"""Called with the number of steps that are done, and of all steps."""


@dataclass(frozen=True)
class Merged:
    """The result of a merging."""

    tensors: Mapping[str, Tensor]
    """Tensors of the merged policy."""
    moved: tuple[float, ...]
    """Share of the units of each site's policy that changed places."""
    gram_bytes: int
    """Size of the Gram matrices of one site; 0 for methods that use none."""


@dataclass(frozen=True)
class _Site:
    """A member of a site's policy, and the site's pairs."""

    policy: Mergeable
    parameters: Parameters
    pairs: Dataset
    seed: int

    def reordered(self, orders: Permutations) -> Self:
        """Return the site whose member has its units in these orders."""
        symmetries = self.policy.member_network.symmetries
        return replace(self, parameters=symmetries.reordered(self.parameters, orders))

    def batches(self) -> Iterator[Any]:
        """Yield what the member sees at all pairs; the same at every call."""
        for begin in range(0, len(self.pairs), BATCH):
            rows = torch.arange(begin, min(begin + BATCH, len(self.pairs))).numpy()
            yield self.policy.observed_by_members(self.pairs[rows], torch_generator(self.seed, begin))

    def loss(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return the imitation loss of a member with these parameters on a batch of pairs."""
        rows = torch.randint(len(self.pairs), (BATCH,), generator=generator).numpy()
        return self.policy.imitation_loss(parameters, self.policy.observed_by_members(self.pairs[rows], generator))


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
        pairs: the pairs of each site; those of methods in `WITHOUT_DATA` may be empty.
        method: how the policies are merged.
        seed: seed of everything that is random.
        alignment: how algorithm 1 searches permutations.
        advance: called after every step.
    """
    tensors = [policy.tensors() for policy in policies]
    members = len(next(iter(tensors[0].values())))
    merged, moved, gram_bytes = [], [], 0
    for member in range(members):
        sites = [
            _Site(policy, {name: tensor[member : member + 1] for name, tensor in own.items()}, shown, seed)
            for policy, own, shown in zip(policies, tensors, pairs, strict=True)
        ]
        orders = _orders(sites, method, seed, alignment, _of_member(advance, member, members))
        moved.append([_moved_share(own) for own in orders])
        placed = [site.reordered(own) for site, own in zip(sites, orders, strict=True)]
        parameters, network = [site.parameters for site in placed], policies[0].member_network
        if method == "regression_mean":
            grams = [gram_matrices(network, site.parameters, site.batches()) for site in placed]
            gram_bytes += sum(matrix.nbytes for matrix in grams[0].matrices.values())
            merged.append(regression_mean(network, parameters, grams))
        else:
            merged.append(averaged(parameters))
    return Merged(
        {name: torch.cat([own[name] for own in merged]) for name in tensors[0]},
        tuple(torch.tensor(moved).mean(0).tolist()),
        gram_bytes,
    )


def _orders(
    sites: Sequence[_Site], method: Method, seed: int, alignment: AlignmentConfig, advance: Advance
) -> Sequence[Permutations]:
    """Return the orders of each site's units; with activations, they are matched to those of the first site."""
    first, network = sites[0], sites[0].policy.member_network
    parameters = [site.parameters for site in sites]
    if method in {"regression_mean", "activations"}:
        orders = [network.symmetries.identity()]
        for site in sites[1:]:
            orders.append(matched_by_activations(network, site.parameters, first.parameters, site.batches()))
            advance(len(orders), len(sites))
        return orders
    if method == "weights":
        return matched_to_mean(network.symmetries, parameters, seed)
    if method == "fleet_merge":
        return align(
            network.symmetries,
            parameters,
            [site.loss for site in sites],
            alignment,
            seed=seed,
            on_epoch=lambda number, _: advance(number, alignment.epochs),
        ).orders
    return [network.symmetries.identity() for _ in sites]


def _of_member(advance: Advance, member: int, members: int) -> Advance:
    """Return what counts the steps of one member among those of all."""
    return lambda done, total: advance(member * total + done, members * total)


def _moved_share(orders: Permutations) -> float:
    return float(torch.cat([order != torch.arange(len(order)) for order in orders.values()]).float().mean())
