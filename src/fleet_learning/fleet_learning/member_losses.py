"""Losses of an ensemble's members, each differentiated on its own.

E ensemble members.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from typing_extensions import override

from fleet_learning.parallel import in_parallel

PartLoss = Callable[[slice, Sequence[Tensor]], tuple[Tensor, ...]]
"""From some members and their parameters (members, ...) to the sum of their losses (scalar) and their measures (members,)."""


def member_parts(members: int, device: torch.device) -> list[slice]:
    """Return the members that are differentiated together: each alone on a CPU, and all on a GPU, which that uses best."""
    each = 1 if device.type == "cpu" else members
    return [slice(first, first + each) for first in range(0, members, each)]


def member_losses(loss: PartLoss, parameters: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the sum of all losses (scalar), differentiable by the parameters, and the measures (E,), which are not.

    Parts do not depend on each other, and are computed side by side if `use_threads` was called.

    Args:
        loss: the loss of one of the `member_parts`.
        parameters: parameters (E, ...) of all members.
    """
    value, *measures = _MemberLosses.apply(loss, *parameters)  # type: ignore[no-untyped-call]
    return value, *measures


class _MemberLosses(torch.autograd.Function):
    """Computes the gradients with the losses, in the thread of their member."""

    @staticmethod
    @override
    def forward(ctx: Any, loss: PartLoss, *parameters: Tensor) -> tuple[Tensor, ...]:
        def differentiated(part: slice) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
            own = [parameter[part].detach().requires_grad_() for parameter in parameters]
            with torch.enable_grad():
                value, *measures = loss(part, own)
                return (value.detach(), *measures), torch.autograd.grad(value, own)

        outputs, gradients = zip(
            *in_parallel(differentiated, member_parts(len(parameters[0]), parameters[0].device)), strict=True
        )
        ctx.save_for_backward(*map(torch.cat, zip(*gradients, strict=True)))
        values, *measures = zip(*outputs, strict=True)
        joined = [torch.cat(measure) for measure in measures]
        ctx.mark_non_differentiable(*joined)
        return torch.stack(values).sum(), *joined

    @staticmethod
    @once_differentiable
    @override
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(outputs[0] * gradient for gradient in ctx.saved_tensors)
