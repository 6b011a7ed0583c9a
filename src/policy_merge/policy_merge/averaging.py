"""Merges without data: plain averaging, task arithmetic and TIES."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fleet_learning.symmetry import Parameters


def averaged(networks: Sequence[Parameters]) -> dict[str, Tensor]:
    """Return the mean of the networks' parameters, as federated averaging takes it over equal data sets (McMahan et al. 2017)."""
    return {name: torch.stack([network[name] for network in networks]).mean(0) for name in networks[0]}


def interpolated(first: Parameters, second: Parameters, share: float | Tensor) -> dict[str, Tensor]:
    """Return `share` of the first network's parameters plus the rest of the second's, differentiable."""
    return {name: share * first[name] + (1 - share) * second[name] for name in first}


def task_arithmetic(start: Parameters, networks: Sequence[Parameters], scale: float) -> dict[str, Tensor]:
    """Return a shared start plus the scaled sum of what each network has learned since (Ilharco et al. 2022)."""
    return {
        name: begin + scale * torch.stack([network[name] - begin for network in networks]).sum(0)
        for name, begin in start.items()
    }


def ties(start: Parameters, networks: Sequence[Parameters], *, kept: float, scale: float) -> dict[str, Tensor]:
    """Return a shared start plus the changes on whose sign the networks agree (TIES, Yadav et al. 2023, algorithm 1).

    Args:
        start: parameters from which all networks were trained.
        networks: their parameters.
        kept: share of each network's changes that are kept, those of the largest magnitude.
        scale: factor of the merged changes.
    """
    trimmed = []
    for network in networks:
        changes = torch.cat([(network[name] - begin).flatten() for name, begin in start.items()])
        count = max(round(kept * len(changes)), 1)
        smallest = changes.abs().topk(count).values[-1]
        trimmed.append(torch.where(changes.abs() >= smallest, changes, torch.zeros_like(changes)))
    changes_SP = torch.stack(trimmed)
    signs_P = torch.sign(changes_SP.sum(0))
    agreeing_SP = torch.where(torch.sign(changes_SP) == signs_P, changes_SP, torch.zeros_like(changes_SP))
    counts_P = (agreeing_SP != 0).sum(0).clamp_min(1)
    merged = dict(
        zip(start, torch.split(agreeing_SP.sum(0) / counts_P, [own.numel() for own in start.values()]), strict=True)
    )
    return {name: begin + scale * merged[name].view_as(begin) for name, begin in start.items()}
