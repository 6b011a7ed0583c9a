"""FLEET-MERGE: sites find the permutations at which the mean of their networks does their own tasks best.

n units of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fleet_learning.randomness import torch_generator
from fleet_learning.symmetry import Parameters, Permutations, Symmetries, composed
from policy_merge.averaging import averaged, interpolated
from policy_merge.projection import hard_projection, soft_projection

Loss = Callable[[Parameters, torch.Generator], Tensor]
"""The imitation loss of a network on a batch of a site's own data, differentiable; the generator draws the batch."""


@dataclass(frozen=True)
class AlignmentConfig:
    """How permutations are searched. The paper gives no numbers; with these, planted permutations were found most often."""

    epochs: int = 10
    """E, epochs; in each, the mean network is sent to the sites."""
    steps: int = 50
    """S, gradient steps of every site in an epoch."""
    learning_rate: float = 0.2
    """Adam's, of the matrices before their projection."""
    temperature: float = 1.0
    """tau of the soft projection."""
    confidence: float = 0.2
    """Entries of the matrix that an epoch starts from, at the present permutation; all others are 0. If Adam cannot move entries by
    this much in the steps of an epoch, no unit ever moves."""
    participation: float = 1.0
    """Share of the sites that take part in an epoch, drawn at random."""


@dataclass(frozen=True)
class Epoch:
    """What happened in an epoch."""

    moved: float
    """Share of the units of the participating sites that found another place."""
    losses: tuple[float, ...]
    """Loss of the mean network at each site before the epoch."""


@dataclass(frozen=True)
class Alignment:
    """Permutations of all sites, and how they were found."""

    orders: tuple[dict[str, Tensor], ...]
    """Orders of the units of every site's network."""
    epochs: tuple[Epoch, ...] = field(default=())


def align(
    symmetries: Symmetries,
    networks: Sequence[Parameters],
    losses: Sequence[Loss],
    config: AlignmentConfig,
    *,
    seed: int,
    start: Sequence[Permutations] | None = None,
    on_epoch: Callable[[int, Epoch], None] = lambda *_: None,
) -> Alignment:
    """Return the permutations of FLEET-MERGE's algorithm 1. Only parameters and permutations leave a site.

    In every epoch each participating site begins at its present permutation (section 3.1; the listing leaves that out), takes
    gradient steps on doubly stochastic matrices, and rounds them to a permutation. A permutation that does not lower the loss of
    the mean network at the site is dropped.

    Args:
        symmetries: of all networks.
        networks: the sites' parameters.
        losses: the sites' losses.
        config: how permutations are searched.
        seed: seed of batches, participants and interpolations.
        start: orders to begin with, such as those of `weight_matching`; None: units keep their places.
        on_epoch: called after every epoch with the number of epochs so far.
    """
    orders = [dict(own) for own in start] if start else [symmetries.identity() for _ in networks]
    history = []
    for number in range(config.epochs):
        generator = torch_generator(seed, number)
        present = [symmetries.reordered(own, order) for own, order in zip(networks, orders, strict=True)]
        mean = averaged(present)
        count = max(round(config.participation * len(networks)), 1)
        chosen = torch.randperm(len(networks), generator=generator)[:count].tolist()
        before = [_evaluated(loss, mean, seed, number) for loss in losses]
        moved: list[Tensor] = []
        for site in chosen:
            step = search_at_site(
                symmetries, present[site], mean, len(networks), losses[site], config, generator, seed=seed, epoch=number
            )
            orders[site] = composed(orders[site], step)
            moved += [order != torch.arange(len(order)) for order in step.values()]
        history.append(Epoch(float(torch.cat(moved).float().mean()), tuple(before)))
        on_epoch(number + 1, history[-1])
    return Alignment(tuple(orders), tuple(history))


def search_at_site(
    symmetries: Symmetries,
    present: Parameters,
    mean: Parameters,
    sites: int,
    loss: Loss,
    config: AlignmentConfig,
    generator: torch.Generator,
    *,
    seed: int,
    epoch: int,
) -> dict[str, Tensor]:
    """Do one site's part of an epoch, and return the orders of its units; they keep their places if the loss does not fall.

    Args:
        symmetries: of all networks.
        present: the site's parameters.
        mean: mean of the parameters of all sites.
        sites: number of sites.
        loss: the site's loss.
        config: how permutations are searched.
        generator: source of batches and interpolations of the search.
        seed: seed of the batch on which the mean is evaluated before and after.
        epoch: number of the epoch.
    """
    step = _search(symmetries, present, mean, loss, config, generator)
    moved = symmetries.reordered(present, step)
    proposed = {name: own + (moved[name] - present[name]) / sites for name, own in mean.items()}
    better = _evaluated(loss, proposed, seed, epoch) < _evaluated(loss, mean, seed, epoch)
    return step if better else symmetries.identity()


def _search(
    symmetries: Symmetries,
    network: Parameters,
    mean: Parameters,
    loss: Loss,
    config: AlignmentConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the orders that one site's gradient steps find, beginning where the units are."""
    matrices = {
        layer: (config.confidence * torch.eye(units)).requires_grad_() for layer, units in symmetries.layers.items()
    }
    optimizer = torch.optim.Adam(list(matrices.values()), lr=config.learning_rate)
    for _ in range(config.steps):
        soft = {layer: soft_projection(own, config.temperature) for layer, own in matrices.items()}
        share = torch.rand((), generator=generator)
        error = loss(interpolated(symmetries.permuted(network, soft), mean, share), generator)
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {layer: hard_projection(own) for layer, own in matrices.items()}


def _evaluated(loss: Loss, network: Mapping[str, Tensor], seed: int, epoch: int) -> float:
    with torch.no_grad():
        return float(loss(network, torch_generator(seed, epoch, 1)))
