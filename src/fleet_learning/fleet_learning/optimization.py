"""Gradient descent that can be cut and goes on, over steps, calls and processes.

E ensemble members, B batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_learning.randomness import torch_generator
from fleet_learning.resume_file import TrainingFile

Watch = Callable[[int, Mapping[str, float]], None]
"""Called after every gradient step with the steps done in this call and the step's measures by name."""
KEEP_EVERY = 100
"""Steps after which a training is written down."""


@dataclass(frozen=True)
class DescentConfig:
    """Adam, with a learning rate that falls in stairs over the whole life of a policy."""

    batch_size: int = 512
    learning_rate: float = 5e-4
    decay: float = 0.99
    decay_steps: int = 100
    """Gradient steps after which the learning rate is multiplied by `decay`."""

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        return self.learning_rate * self.decay ** (step // self.decay_steps)


@dataclass(frozen=True)
class Descent:
    """Where the descent of one policy stands."""

    steps: int = 0
    """Gradient steps taken since the beginning."""
    moments: Mapping[str, Tensor] = field(default_factory=dict)
    """Adam's, by parameter; not part of checkpoints: a policy that was read from one begins with new moments."""


Loss = Callable[[Tensor, torch.Generator], tuple[Tensor, Mapping[str, Tensor]]]
"""From the batch's row indices (E, B) to the scalar to descend on and the measures per member (E,) to report."""


def descend(
    parameters: Sequence[Tensor],
    loss: Loss,
    rows: Sequence[NDArray[np.int64]],
    config: DescentConfig,
    before: Descent,
    *,
    steps: int,
    seed: int,
    watch: Watch | None,
    keep: TrainingFile | None,
    buffers: Sequence[Tensor] = (),
) -> tuple[Descent, float]:
    """Change the parameters in place.

    Args:
        parameters: leaves that require gradients.
        loss: of one batch.
        rows: indices of each member's training rows.
        config: batch size and learning rate.
        before: where the descent stands.
        steps: gradient steps to take.
        seed: of batches, and of what `loss` draws; the same step of the same descent draws the same.
        watch: told of every step.
        keep: where to write the training down while it runs.
        buffers: other tensors that `loss` changes in place.

    Returns:
        Where the descent stands now, and the mean of the first measure over members and the last tenth of the steps.
    """
    optimiser = torch.optim.Adam(parameters, lr=config.learning_rate)
    _set_moments(optimiser, before.moments)
    generator = torch_generator(seed, before.steps)
    losses = torch.zeros(steps)
    named = {"losses": losses} | {f"state.{i}": tensor for i, tensor in enumerate([*parameters, *buffers])}
    own_rows = [torch.from_numpy(row) for row in rows]
    done = 0
    if keep and (kept := keep.read()):
        done = int(kept.pop("done"))
        generator.set_state(kept.pop("generator"))
        with torch.no_grad():
            for name, tensor in named.items():
                tensor.copy_(kept.pop(name))
        _set_moments(optimiser, kept)
    for step in range(done, steps):
        rate = config.rate(before.steps + step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = torch.stack(
            [row[torch.randint(len(row), (config.batch_size,), generator=generator)] for row in own_rows]
        )
        value, measures = loss(batch, generator)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        optimiser.step()
        means = {name: measure.mean().item() for name, measure in measures.items()}
        losses[step] = next(iter(means.values()))
        if watch:
            watch(step + 1, means | {"learning rate": rate})
        if keep and (step + 1) % KEEP_EVERY == 0:
            state = {"done": torch.tensor(step + 1), "generator": generator.get_state()}
            keep.write(state | named | _moments(optimiser))
    if keep:
        keep.remove()
    return Descent(before.steps + steps, _moments(optimiser)), losses[-max(1, steps // 10) :].mean().item()


def _moments(optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    return {
        f"{parameter}.{name}": value
        for parameter, values in optimiser.state_dict()["state"].items()
        for name, value in values.items()
    }


def _set_moments(optimiser: torch.optim.Adam, moments: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        parameter, name = key.split(".")
        state.setdefault(int(parameter), {})[name] = value.clone()
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
