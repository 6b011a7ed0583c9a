"""A trained expert: a network from observation to action, in numpy.

S state dim, A action dim; leading dimensions are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file, save_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLIP_SIGMAS = 10.0
"""Limit to which scaled observations are clipped."""


@dataclass(frozen=True)
class ExpertNetwork:
    """Acts by the mean of the trained policy, clipped to -1 to 1."""

    mean_S: NDArray[np.float64]
    sigma_S: NDArray[np.float64]
    """Mean and standard deviation of the observations in training."""
    layers: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    """Weights (outputs, inputs) and biases of the layers, with exponential linear units between them."""

    def __call__(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the actions (..., A) at states (..., S)."""
        x = np.clip((states - self.mean_S) / self.sigma_S, -CLIP_SIGMAS, CLIP_SIGMAS)
        *hidden, (last, bias) = self.layers
        for weights, biases in hidden:
            x = x @ weights.T + biases
            x = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        return np.clip(x @ last.T + bias, -1.0, 1.0)

    def write(self, path: Path) -> None:
        """Write the weights as safetensors in single precision."""
        tensors = {"mean": self.mean_S, "sigma": self.sigma_S}
        for index, (weights, biases) in enumerate(self.layers):
            tensors |= {f"{index}.weight": weights, f"{index}.bias": biases}
        save_file({name: np.ascontiguousarray(of, dtype=np.float32) for name, of in tensors.items()}, path)


def read_expert(path: Path) -> ExpertNetwork:
    """Read an expert that `ExpertNetwork.write` wrote."""
    tensors = {name: of.astype(np.float64) for name, of in load_file(path).items()}
    count = sum(name.endswith(".weight") for name in tensors)
    layers = tuple((tensors[f"{index}.weight"], tensors[f"{index}.bias"]) for index in range(count))
    return ExpertNetwork(tensors["mean"], tensors["sigma"], layers)
