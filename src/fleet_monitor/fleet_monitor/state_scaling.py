"""Latents of robots without a camera: their states, standardised. B observations, S state dim."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class StateShape:
    """Size of states."""

    states: int
    """S, state dim."""

    @property
    def observed(self) -> tuple[int, ...]:
        """Shape of one observation, (S,)."""
        return (self.states,)

    @property
    def latent(self) -> int:
        """Width of a latent."""
        return self.states


class StateScaling(nn.Module):
    """Standardises states by their statistics; it takes the place that the autoencoder has with images."""

    mean_S: Tensor
    std_S: Tensor

    def __init__(self, shape: StateShape) -> None:
        super().__init__()
        self.register_buffer("mean_S", torch.zeros(shape.states))
        self.register_buffer("std_S", torch.ones(shape.states))

    def standardise(self, states_BS: Tensor) -> None:
        """Take the statistics of these states as the standard; a dimension that does not vary is only centred."""
        std_S, mean_S = torch.std_mean(states_BS.float(), 0, correction=0)
        self.mean_S.copy_(mean_S)
        self.std_S.copy_(torch.where(std_S > 1e-6, std_S, torch.ones_like(std_S)))

    def encode(self, states_BS: Tensor) -> Tensor:
        """Return the latents (B, S) of states."""
        return (states_BS.float() - self.mean_S) / self.std_S

    def decode(self, latents_BS: Tensor) -> Tensor:
        """Return the states (B, S) of latents."""
        return latents_BS * self.std_S + self.mean_S
