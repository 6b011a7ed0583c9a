"""Trains linear controllers to imitate experts.

K controllers, J trajectories, T steps, n hidden state dim, p observation dim, m control dim.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_learning.randomness import torch_generator
from policy_merge.linear_controller import LinearController

LEARNING_RATE = 0.02
"""Adam's at the first step; it falls to a hundredth on a cosine."""
BATCH = 4
"""Trajectories per gradient step."""


def imitated(
    observed_KJTp: NDArray[np.float64], controls_KJTm: NDArray[np.float64], hidden: int, steps: int, seed: int
) -> list[LinearController]:
    """Return controllers that imitate K sets of trajectories, trained side by side through time (FLEET-MERGE, algorithm 2).

    As there, A begins at zero and B and C with unit Gaussian entries. The paper takes plain gradient steps on one trajectory at a
    time; Adam on a few needs far fewer steps.

    Args:
        observed_KJTp: observations.
        controls_KJTm: the experts' controls.
        hidden: n.
        steps: gradient steps.
        seed: seed of first matrices and batches, different for each controller.
    """
    count, trajectories, _, inputs = observed_KJTp.shape
    observed, wanted = torch.from_numpy(observed_KJTp).float(), torch.from_numpy(controls_KJTm).float()
    generator = torch_generator(seed)
    state = torch.zeros(count, hidden, hidden).requires_grad_()
    observation = torch.randn(count, hidden, inputs, generator=generator).requires_grad_()
    control = torch.randn(count, controls_KJTm.shape[-1], hidden, generator=generator).requires_grad_()
    parameters = [state, observation, control]
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, LEARNING_RATE / 100)
    every = torch.arange(count)[:, None]
    for _ in range(steps):
        batch = torch.randint(trajectories, (count, BATCH), generator=generator)
        error = (_controls(state, observation, control, observed[every, batch]) - wanted[every, batch]).square()
        optimizer.zero_grad()
        # Each controller's own loss; their sum has each one's own gradient.
        error.mean((1, 2, 3)).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, float(count))
        optimizer.step()
        schedule.step()
    arrays = (part.detach().double().numpy() for part in parameters)
    return [LinearController(*own) for own in zip(*arrays, strict=True)]


def _controls(state_Knn: Tensor, observation_Knp: Tensor, control_Kmn: Tensor, observed_KBTp: Tensor) -> Tensor:
    """Return the controls (K, B, T, m)."""
    inputs_KBTn = torch.einsum("knp,kbtp->kbtn", observation_Knp, observed_KBTp)
    present, hidden = torch.zeros_like(inputs_KBTn[:, :, 0]), []
    for step in range(inputs_KBTn.shape[2]):
        present = torch.baddbmm(inputs_KBTn[:, :, step], present, state_Knn.mT)
        hidden.append(present)
    return torch.einsum("kmn,kbtn->kbtm", control_Kmn, torch.stack(hidden, 2))


def pooled(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return all trajectories of several sets as one set (1, J, T, ...)."""
    return np.concatenate(list(parts))[None]
