"""Learning curves as TensorBoard event files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fleet_learning.optimization import OnStep

OnStepFrom = Callable[[int], OnStep]
"""From the gradient steps that a policy has taken to the `on_step` of its next training."""


@contextmanager
def curves(folder: Path) -> Iterator[OnStepFrom]:
    """Write every measure into event files in `folder`, at the policy's own count of gradient steps."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:

        def on_step_from(first_step: int) -> OnStep:
            def on_step(done: int, measures: Mapping[str, float]) -> None:
                for name, value in measures.items():
                    writer.add_scalar(name, value, first_step + done)

            return on_step

        yield on_step_from
