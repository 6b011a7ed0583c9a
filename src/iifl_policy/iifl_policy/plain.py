"""A second, plain implementation of the paper's mathematics with torch modules, one member after the other.

The package is checked against it and its speed compared with it. Nothing here is batched over members, hoisted out of a loop,
written in place or used twice: gradients are autograd's, and action and uncertainty draw separate chains.

E ensemble members, B batch, K actions per state, S state dim, A action dim. States and actions are in model space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.parametrizations import spectral_norm

from iifl_policy.energy import EnergyEnsemble
from iifl_policy.langevin import Langevin

COUNTER_EXAMPLES = 8
LEARNING_RATE = 5e-4
FIRST_STEP, LAST_STEP = 0.1, 1e-5
MOST_MOVE = 0.1
REFERENCE_NOISE = 0.33


class Chance(Protocol):
    """A source of random numbers."""

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform random numbers between 0 and 1."""

    def normal(self, *shape: int) -> Tensor:
        """Return random numbers with mean 0 and standard deviation 1."""


@dataclass(frozen=True)
class Fresh(Chance):
    """Draws random numbers from a generator, on its device."""

    generator: torch.Generator

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform random numbers between 0 and 1."""
        return torch.rand(shape, generator=self.generator, device=self.generator.device)

    def normal(self, *shape: int) -> Tensor:
        """Return random numbers with mean 0 and standard deviation 1."""
        return torch.randn(shape, generator=self.generator, device=self.generator.device)


class Recorded(Chance):
    """Returns random numbers that were drawn before, in their order."""

    def __init__(self, numbers: Iterable[Tensor]) -> None:
        self._numbers = iter(numbers)

    def uniform(self, *shape: int) -> Tensor:
        """Return the next numbers, whatever distribution they were drawn from.

        Raises:
            ValueError: they have another shape.
        """
        numbers = next(self._numbers)
        if numbers.shape != shape:
            raise ValueError(f"random numbers: expected shape {shape}, got {tuple(numbers.shape)}")
        return numbers

    normal = uniform


def numbers_of(
    sampler: Langevin, shape: tuple[int, int, int, int], dtype: torch.dtype, generator: torch.Generator
) -> list[list[Tensor]]:
    """Return the random numbers that the package's sampler draws in one call for actions (E, B, K, A), by member."""
    numbers = [torch.rand(shape, generator=generator, device=generator.device, dtype=dtype)]
    for _ in range(sampler.iterations):
        numbers.append(torch.empty_like(numbers[0]).normal_(generator=generator))
        if sampler.adjusted:
            numbers.append(torch.empty_like(numbers[0][..., 0]).uniform_(generator=generator))
    return [[tensor[member] for tensor in numbers] for member in range(shape[0])]


class Energy(nn.Module):
    """E(s, a) of IIFL section 4.1."""

    def __init__(self, sizes: Sequence[int], action_dim: int) -> None:
        super().__init__()
        self.action_dim = action_dim
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))

    def forward(self, states_BS: Tensor, actions_BKA: Tensor) -> Tensor:
        """Return energies (B, K)."""
        states_BKS = states_BS.unsqueeze(1).expand(-1, actions_BKA.shape[1], -1)
        hidden = torch.cat([states_BKS, actions_BKA], -1)
        *hidden_layers, last = self.layers
        for layer in hidden_layers:
            hidden = torch.relu(layer(hidden))
        energies: Tensor = last(hidden)
        return energies.squeeze(-1)


def energies_of(ensemble: EnergyEnsemble, *, spectral: bool = False) -> list[Energy]:
    """Return the members of an ensemble, with copies of its weights.

    With `spectral`, hidden layers are divided by their largest singular value at every forward pass, found by power iteration
    from the exact vectors.
    """
    net = ensemble.net
    energies = []
    with torch.random.fork_rng():  # modules draw their initial weights from the global random state
        for member in range(ensemble.members):
            energy = Energy(net.sizes, ensemble.action_dim).to(net.weights[0])
            for layer, weight, bias in zip(energy.layers, net.weights, net.biases, strict=True):
                layer.load_state_dict({"weight": weight[member].mT, "bias": bias[member, 0]})
            if spectral:
                for layer in list(energy.layers)[:-1]:
                    _normalise_spectrally(layer)
            energies.append(energy)
    return energies


def _normalise_spectrally(layer: nn.Module) -> None:
    left, _, right = torch.linalg.svd(layer.get_parameter("weight").detach())
    spectral_norm(layer)
    vectors = {"parametrizations.weight.0._u": left[:, 0], "parametrizations.weight.0._v": right[0]}
    layer.load_state_dict(layer.state_dict() | vectors)


def energies_and_slopes(energy: Energy, states_BS: Tensor, actions_BKA: Tensor) -> tuple[Tensor, Tensor]:
    """Return energies (B, K) and their gradients by the actions (B, K, A)."""
    actions_BKA = actions_BKA.detach().requires_grad_()
    energies_BK = energy(states_BS, actions_BKA)
    (slopes_BKA,) = torch.autograd.grad(energies_BK.sum(), actions_BKA)
    return energies_BK.detach(), slopes_BKA


def corrected(energy: Energy, states_BS: Tensor, chains: int, chance: Chance, iterations: int = 100) -> Tensor:
    """Sample actions (B, K, A) of exp(-E): Metropolis-adjusted Langevin with steps that decay by (1 - i/n)^2."""
    actions = 2 * chance.uniform(len(states_BS), chains, energy.action_dim) - 1
    energies, slopes = energies_and_slopes(energy, states_BS, actions)
    for i in range(iterations):
        step = LAST_STEP + (FIRST_STEP - LAST_STEP) * (1 - i / max(1, iterations - 1)) ** 2
        means = actions - torch.clamp(step * slopes, -MOST_MOVE, MOST_MOVE)
        proposals = means + math.sqrt(2 * step) * chance.normal(*actions.shape)
        new_energies, new_slopes = energies_and_slopes(energy, states_BS, proposals)
        new_means = proposals - torch.clamp(step * new_slopes, -MOST_MOVE, MOST_MOVE)
        log_forth = -(proposals - means).square().sum(-1) / (4 * step)
        log_back = -(actions - new_means).square().sum(-1) / (4 * step)
        luck = chance.uniform(*energies.shape)
        accepted = (luck.log() < energies - new_energies + log_back - log_forth) & (proposals.abs() <= 1).all(-1)
        actions = torch.where(accepted.unsqueeze(-1), proposals, actions)
        slopes = torch.where(accepted.unsqueeze(-1), new_slopes, slopes)
        energies = torch.where(accepted, new_energies, energies)
    return actions


def reference(energy: Energy, states_BS: Tensor, chains: int, chance: Chance, iterations: int = 50) -> Tensor:
    """Sample actions (B, K, A) by the authors' method: no acceptance rule, small noise, steps that decay by 1 - (i/n)^2."""
    actions = 2 * chance.uniform(len(states_BS), chains, energy.action_dim) - 1
    for i in range(iterations):
        step = FIRST_STEP + (LAST_STEP - FIRST_STEP) * (i / max(1, iterations - 1)) ** 2
        _, slopes = energies_and_slopes(energy, states_BS, actions)
        move = -step * slopes + math.sqrt(2 * step) * REFERENCE_NOISE * chance.normal(*actions.shape)
        actions = torch.clamp(actions + torch.clamp(move, -MOST_MOVE, MOST_MOVE), -1, 1)
    return actions


Sample = Callable[[Energy, Tensor, int, Chance], Tensor]
"""From an energy, states (B, S), the number of chains and random numbers to actions (B, K, A)."""


def best_actions(energy: Energy, states_BS: Tensor, chains: int, sample: Sample, chance: Chance) -> Tensor:
    """Return the actions of lowest energy among samples, (B, A)."""
    actions_BKA = sample(energy, states_BS, chains, chance)
    with torch.no_grad():
        best_B1 = energy(states_BS, actions_BKA).argmin(-1, keepdim=True)
    return actions_BKA.take_along_dim(best_B1.unsqueeze(-1), 1).squeeze(1)


def divergences(energies: Sequence[Energy], states_BS: Tensor, chains: int, sample: Sample, chance: Chance) -> Tensor:
    """Return Jeffreys divergences (B,) of two members, nats."""
    first, second = energies
    from_first_BKA = sample(first, states_BS, chains, chance)
    from_second_BKA = sample(second, states_BS, chains, chance)
    with torch.no_grad():
        here_B = (second(states_BS, from_first_BKA) - first(states_BS, from_first_BKA)).mean(-1)
        there_B = (first(states_BS, from_second_BKA) - second(states_BS, from_second_BKA)).mean(-1)
    total_B: Tensor = here_B + there_B
    return total_B


def decide(
    energies: Sequence[Energy], states_BS: Tensor, chains: int, sample: Sample, chance: Chance
) -> tuple[Tensor, Tensor]:
    """Return the first member's best actions (B, A), and Jeffreys divergences (B,) from separate chains, nats."""
    actions_BA = best_actions(energies[0], states_BS, chains, sample, chance)
    return actions_BA, divergences(energies, states_BS, chains, sample, chance)


def loss(
    energy: Energy,
    states_BS: Tensor,
    actions_BA: Tensor,
    counter_BKA: Tensor,
    *,
    margin: float = 1.0,
    penalty: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Return InfoNCE (equation 5) plus the gradient penalty: averaged over all actions, or summed over counter-examples."""
    candidates_BKA = torch.cat([actions_BA.unsqueeze(1), counter_BKA], 1).requires_grad_()
    energies_BK = energy(states_BS, candidates_BKA)
    info_nce = cross_entropy(-energies_BK, torch.zeros(len(states_BS), dtype=torch.long, device=states_BS.device))
    (slopes_BKA,) = torch.autograd.grad(energies_BK.sum(), candidates_BKA, create_graph=True)
    excess_BK = torch.relu(slopes_BKA.abs().amax(-1) - margin).square()
    return info_nce + (excess_BK.mean() if penalty == "mean" else excess_BK[:, 1:].sum())


def optimizers_of(energies: Sequence[Energy]) -> list[torch.optim.Adam]:
    """Return one optimizer per member."""
    return [torch.optim.Adam(energy.parameters(), lr=LEARNING_RATE) for energy in energies]


def train_step(
    energies: Sequence[Energy],
    optimizers: Sequence[torch.optim.Optimizer],
    states_EBS: Tensor,
    actions_EBA: Tensor,
    sample: Sample,
    chance: Chance,
    *,
    margin: float = 1.0,
    penalty: Literal["mean", "sum"] = "mean",
) -> list[float]:
    """Take a gradient step of every member on its own batch; return the losses before it."""
    losses = []
    for energy, optimizer, states_BS, actions_BA in zip(energies, optimizers, states_EBS, actions_EBA, strict=True):
        counter_BKA = sample(energy, states_BS, COUNTER_EXAMPLES, chance)
        value = loss(energy, states_BS, actions_BA, counter_BKA, margin=margin, penalty=penalty)
        optimizer.zero_grad()
        torch.autograd.backward(value)
        optimizer.step()
        losses.append(value.item())
    return losses
