"""Energies given by formulas instead of an ensemble, and their integrals without sampling.

E ensemble members, B batch, K chains, A action dim, G grid points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from iifl_policy.energy import EnergyEnsemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Analytic:
    """An EnergyModel whose member e has the energy energies[e](states (B, 1, S), actions (B, K, A))."""

    def __init__(self, action_dim: int, *energies: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.action_dim = action_dim
        self._energies = energies

    def __call__(self, states_EBS: Tensor, actions_EBKA: Tensor) -> Tensor:
        members = zip(self._energies, states_EBS, actions_EBKA, strict=True)
        return torch.stack([energy(states.unsqueeze(1), actions) for energy, states, actions in members])

    def field(self, states_EBS: Tensor):
        def energies_and_gradients(actions_EBKA: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                actions_EBKA = actions_EBKA.detach().requires_grad_()
                energies = self(states_EBS, actions_EBKA)
                (gradients,) = torch.autograd.grad(energies.sum(), actions_EBKA)
            return energies.detach(), gradients

        return energies_and_gradients


def gaussian(mean: float, stiffness: float):
    return lambda _, actions: 0.5 * stiffness * (actions - mean).square().sum(-1)


def mixture(*modes: tuple[float, float, float]):
    """Negative log density of a mixture of Gaussians (weight, mean, standard deviation)."""

    def energy(_, actions):
        parts = [np.log(weight / std) - 0.5 * ((actions - mean) / std).square().sum(-1) for weight, mean, std in modes]
        return -torch.logsumexp(torch.stack(parts), 0)

    return energy


def grid(action_dim: int, points: int) -> Tensor:
    """Centres of equal cells that fill [-1, 1]^A, (1, G, A), double precision."""
    axis = (torch.arange(points, dtype=torch.float64) + 0.5) * (2 / points) - 1
    return torch.cartesian_prod(*[axis] * action_dim).reshape(1, -1, action_dim)


def boltzmann(energy, actions_1GA: Tensor, state: Tensor | None = None) -> Tensor:
    """Probability of each cell under exp(-E), (G,), by the midpoint rule."""
    state = torch.zeros(1, 1, 1, dtype=torch.float64) if state is None else state.double().reshape(1, 1, -1)
    return torch.softmax(-energy(state, actions_1GA)[0], -1)


def jeffreys_by_integration(one, two, action_dim: int = 1, state: Tensor | None = None) -> float:
    """KL(p1 || p2) + KL(p2 || p1) from its definition."""
    actions = grid(action_dim, 4000 if action_dim == 1 else 400)
    p_1, p_2 = boltzmann(one, actions, state), boltzmann(two, actions, state)
    return float(((p_1 - p_2) * (p_1.log() - p_2.log())).sum())


def in_double(model: EnergyEnsemble) -> EnergyEnsemble:
    """The same ensemble in double precision."""
    return EnergyEnsemble(model.net.changed(torch.Tensor.double), model.state_dim)
