"""RegMean: the linear maps whose outputs are nearest to those of every site's own maps, in closed form.

I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from fleet_learning.network import Linear, Network
from fleet_learning.symmetry import Parameters, Part, Permutations, Symmetries
from policy_merge.averaging import averaged

ObservedT = TypeVar("ObservedT")
OFF_DIAGONAL = 0.9
"""Factor of the Gram matrices' entries off the diagonal, as recommended by RegMean's authors."""
RIDGE = 1e-6
"""Weight of the plain average, relative to the mean diagonal of the Gram matrices; it decides where no site has data."""
CONSTANT = (Part(1),)
"""The input 1 that is multiplied by the bias."""


@dataclass(frozen=True)
class GramMatrices:
    """Means of x x^T over the inputs x of a network's linear maps: all that RegMean needs of a site's data."""

    matrices: Mapping[str, Tensor]
    """By the name of the weight, (I + 1, I + 1) in double precision; the last input is the constant 1 of the bias."""

    def permuted(self, symmetries: Symmetries, network: Network[Any], orders: Permutations) -> GramMatrices:
        """Return the same of the network whose units have other places."""
        axes = {}
        for linear in network.linears:
            own = symmetries.axes[linear.weight][-1 if linear.outputs_first else -2]
            axes[linear.weight] = (own + CONSTANT, own + CONSTANT)
        return GramMatrices(Symmetries(axes).reordered(self.matrices, orders))


def gram_matrices(network: Network[ObservedT], parameters: Parameters, batches: Iterable[ObservedT]) -> GramMatrices:
    """Return the Gram matrices of a site's observations."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for observed in batches:
        with torch.no_grad():
            inputs = network.inputs(parameters, observed)
        for name, inputs_XI in inputs.items():
            extended = torch.cat([inputs_XI, torch.ones_like(inputs_XI[:, :1])], 1).double()
            sums[name] = sums.get(name, 0) + extended.T @ extended
            counts[name] = counts.get(name, 0) + len(extended)
    return GramMatrices({name: own / counts[name] for name, own in sums.items()})


def regression_mean(
    network: Network[Any],
    sites: Sequence[Parameters],
    grams: Sequence[GramMatrices],
    off_diagonal: float = OFF_DIAGONAL,
) -> dict[str, Tensor]:
    """Return the merged network (RegMean, Jin et al. 2022, equation 2); parameters of no linear map are averaged.

    Biases are regressed with their weights.

    Args:
        network: kind of the networks.
        sites: their parameters; matched first, if they do not have the same start.
        grams: their Gram matrices.
        off_diagonal: factor of entries off the diagonal, 0 to 1.
    """
    merged = averaged(sites)
    for linear in network.linears:
        scaled = [_scaled(own.matrices[linear.weight], off_diagonal) for own in grams]
        total = torch.stack(scaled).sum(0)
        ridge = RIDGE * total.diagonal().mean()
        right = ridge * _joined(linear, merged)
        for gram, own in zip(scaled, sites, strict=True):
            right += gram @ _joined(linear, own)
        merged |= _separated(linear, torch.linalg.solve(total + ridge * torch.eye(len(total)).double(), right), merged)
    return merged


def _scaled(gram: Tensor, off_diagonal: float) -> Tensor:
    return off_diagonal * gram + (1 - off_diagonal) * torch.diag(gram.diagonal())


def _joined(linear: Linear, parameters: Parameters) -> Tensor:
    """Return weight and bias as one matrix (I + 1, O) in double precision."""
    weight = parameters[linear.weight].double().reshape(parameters[linear.weight].shape[-2:])
    weight_IO = weight.T if linear.outputs_first else weight
    bias_O = weight_IO.new_zeros(weight_IO.shape[1]) if linear.bias is None else parameters[linear.bias].flatten()
    return torch.cat([weight_IO, bias_O.double()[None]])


def _separated(linear: Linear, joined: Tensor, like: Parameters) -> dict[str, Tensor]:
    """Return weight and bias of a matrix from `_joined`, in the shapes and formats of other parameters."""
    weight = joined[:-1].T if linear.outputs_first else joined[:-1]
    found = {linear.weight: weight} | ({} if linear.bias is None else {linear.bias: joined[-1]})
    return {name: own.reshape(like[name].shape).to(like[name].dtype) for name, own in found.items()}
