"""Adam whose state survives interruptions: a training continues over calls and processes.

E ensemble members, B batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AliasChoices, Field
from torch import Tensor

from fleet_learning.randomness import torch_generator
from fleet_learning.resume_file import ResumeFile, resume_key

FORMERLY_DESCENT = Field(validation_alias=AliasChoices("optimizer", "descent"))
"""Field of a config whose key is `descent` in checkpoints of version 0.1.0."""
OnStep = Callable[[int, Mapping[str, float]], None]
"""Called after every gradient step with the number of steps taken in this call and the step's measures by name."""
SAVE_EVERY_STEPS = 100
"""Gradient steps between two writes of the resume file."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam with a learning rate that decays in steps over the whole life of a policy."""

    batch_size: int = 512
    learning_rate: float = 5e-4
    decay: float = 0.99
    decay_steps: int = 100
    """Gradient steps after which the learning rate is multiplied by `decay`."""

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * self.decay ** (step // self.decay_steps)


@dataclass(frozen=True)
class OptimizerState:
    """Adam's state between two trainings of one policy."""

    steps: int = 0
    """Gradient steps that the policy has taken in all its trainings."""
    moments: Mapping[str, Tensor] = field(default_factory=dict)
    """Adam's moments by parameter. Checkpoints do not hold them: a policy that was read from one starts without."""


Loss = Callable[[Tensor, torch.Generator], tuple[Tensor, Mapping[str, Tensor]]]
"""From the batch's row indices (E, B) to the scalar to minimize and the measures per member (E,) to report."""


def optimize(
    parameters: Sequence[Tensor],
    loss: Loss,
    rows: Sequence[NDArray[np.int64]],
    config: OptimizerConfig,
    before: OptimizerState,
    *,
    steps: int,
    seed: int,
    on_step: OnStep | None,
    resume_path: Path | None,
    identity: Callable[[], tuple[object, ...]],
    buffers: Sequence[Tensor] = (),
) -> tuple[OptimizerState, float]:
    """Minimize the loss, changing the parameters in place.

    Args:
        parameters: leaves that require gradients.
        loss: the loss of one batch.
        rows: indices of each member's training rows.
        config: batch size and learning rate.
        before: the optimizer state to continue from.
        steps: number of gradient steps to take.
        seed: determines, together with the steps taken before, the batches and what `loss` draws.
        on_step: called after every step.
        resume_path: file from which an interrupted training resumes; it is removed when the training is complete.
        identity: returns what identifies this training beside its steps, its seed and the steps before: config and data
            digests. It is called only if there is a `resume_path`, because it hashes all data.
        buffers: other tensors that `loss` changes in place.

    Returns:
        The new optimizer state, and the mean of the first measure over members and the last tenth of the steps.

    Raises:
        InputError: `resume_path` belongs to another training.
    """
    resume_file = None
    if resume_path:
        resume_file = ResumeFile(resume_path, resume_key(*identity(), steps, seed, before.steps))
    optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
    _set_moments(optimizer, before.moments)
    generator = torch_generator(seed, before.steps)
    losses = torch.zeros(steps)
    named = {"losses": losses} | {f"state.{i}": tensor for i, tensor in enumerate([*parameters, *buffers])}
    own_rows = [torch.from_numpy(row) for row in rows]
    done = 0
    if resume_file and (saved := resume_file.read()):
        done = int(saved.pop("done"))
        generator.set_state(saved.pop("generator"))
        with torch.no_grad():
            for name, tensor in named.items():
                tensor.copy_(saved.pop(name))
        _set_moments(optimizer, saved)
    for step in range(done, steps):
        rate = config.rate(before.steps + step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = torch.stack(
            [row[torch.randint(len(row), (config.batch_size,), generator=generator)] for row in own_rows]
        )
        value, measures = loss(batch, generator)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        optimizer.step()
        means = {name: measure.mean().item() for name, measure in measures.items()}
        losses[step] = next(iter(means.values()))
        if on_step:
            on_step(step + 1, means | {"learning rate": rate})
        if resume_file and (step + 1) % SAVE_EVERY_STEPS == 0:
            state = {"done": torch.tensor(step + 1), "generator": generator.get_state()}
            resume_file.write(state | named | _moments(optimizer))
    if resume_file:
        resume_file.remove()
    return OptimizerState(before.steps + steps, _moments(optimizer)), losses[-max(1, steps // 10) :].mean().item()


def _moments(optimizer: torch.optim.Adam) -> dict[str, Tensor]:
    return {
        f"{parameter}.{name}": value
        for parameter, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def _set_moments(optimizer: torch.optim.Adam, moments: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    parameters = [own for group in optimizer.param_groups for own in group["params"]]
    for key, value in moments.items():
        parameter, name = key.split(".")
        # Files do not tell the memory format, in which moments must be like their parameter.
        like = parameters[int(parameter)] if value.dim() else value
        state.setdefault(int(parameter), {})[name] = torch.empty_like(like).copy_(value)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
