"""Energies and slopes of an ensemble, both differentiable by the parameters, for the gradient penalty of the training loss.

E ensemble members, B batch, K actions per state, A action dim, W hidden width, X rows (a row per action).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from typing_extensions import override


def energies_and_slopes(
    features_EBW: Tensor,
    actions_EBKA: Tensor,
    action_weights_EAW: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Return energies (E, B, K) and their gradients by the actions (E, B, K, A), which are not differentiable by the actions.

    Args:
        features_EBW: the states' part of the first layer.
        actions_EBKA: the actions.
        action_weights_EAW: weights of the first layer for actions.
        weights: weights of all layers but the first.
        biases: biases of all layers but the first.
    """
    inputs = features_EBW, actions_EBKA, action_weights_EAW, *weights, *biases
    energies, slopes = _EnergiesAndSlopes.apply(*inputs)  # type: ignore[no-untyped-call]
    return energies, slopes


class _EnergiesAndSlopes(torch.autograd.Function):
    """Differentiates the slopes without a graph of second order.

    With ReLU layers h_l, weights W_l and g_l = dE/d(W_l h_{l-1} + b_l), a slope is linear in every weight while the signs of the
    layers stay the same. Its derivative by W_l, in a direction s of the actions, is the outer product of t_{l-1} and g_l, where
    the tangents t_l are what the layers make of s: multiplied by W_l, and zero where h_l is. That of the energy is the outer
    product of h_{l-1} and g_l. Both have the factor g_l, so one multiplication gives their sum.
    """

    @staticmethod
    @override
    def forward(ctx: Any, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        features_EBW, actions_EBKA, action_weights, *parameters = inputs
        weights, biases = parameters[: len(parameters) // 2], parameters[len(parameters) // 2 :]
        actions_EXA = actions_EBKA.flatten(1, 2)
        features_EXW = features_EBW.repeat_interleave(actions_EBKA.shape[2], dim=1)
        layers = [torch.baddbmm(features_EXW, actions_EXA, action_weights).relu_()]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            layers.append(torch.baddbmm(bias, layers[-1], weight).relu_())
        energies = (layers[-1] * weights[-1].mT).sum(-1) + biases[-1].squeeze(-1)
        gradients = [_where_active(weights[-1].mT.expand_as(layers[-1]), layers[-1])]
        for layer, weight in zip(reversed(layers[:-1]), reversed(weights[:-1]), strict=True):
            gradients.insert(0, _where_active(torch.bmm(gradients[0], weight.mT), layer))
        slopes = torch.bmm(gradients[0], action_weights.mT)
        ctx.save_for_backward(actions_EXA, action_weights, *weights, *layers, *gradients)
        return energies.view(actions_EBKA.shape[:-1]), slopes.view_as(actions_EBKA)

    @staticmethod
    @once_differentiable
    @override
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        by_energies_EBK, by_slopes_EBKA = outputs
        actions_EXA, action_weights, *rest = ctx.saved_tensors
        depth = len(rest) // 3
        weights, layers, gradients = rest[:depth], rest[depth : 2 * depth], rest[2 * depth :]
        by_energies_EX1, by_slopes_EXA = by_energies_EBK.flatten(1).unsqueeze(-1), by_slopes_EBKA.flatten(1, 2)
        by_action_weights = torch.addcmul(by_slopes_EXA, actions_EXA, by_energies_EX1).mT @ gradients[0]
        by_features = (by_energies_EX1 * gradients[0]).unflatten(1, by_energies_EBK.shape[1:]).sum(2)
        tangent = _where_active(torch.bmm(by_slopes_EXA, action_weights), layers[0])
        by_weights, by_biases = [], []
        for index, weight in enumerate(weights[:-1]):
            below = torch.addcmul(tangent, layers[index], by_energies_EX1)
            by_weights.append(below.mT @ gradients[index + 1])
            by_biases.append(by_energies_EX1.mT @ gradients[index + 1])
            tangent = _where_active(torch.bmm(tangent, weight), layers[index + 1])
        by_weights.append(torch.addcmul(tangent, layers[-1], by_energies_EX1).sum(1).unsqueeze(-1))
        by_biases.append(by_energies_EX1.sum(1, keepdim=True))
        return by_features, None, by_action_weights, *by_weights, *by_biases


def _where_active(gradient: Tensor, layer: Tensor) -> Tensor:
    """Return the gradient, with zeros where the layer is not positive."""
    active: Tensor = torch.ops.aten.threshold_backward(gradient, layer, 0)
    return active
