"""Curves of a training, as TensorBoard shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from iifl_policy.descent import Watch


@contextmanager
def curves(folder: Path, first_step: int = 0) -> Iterator[Watch]:
    """A watch that writes every measure into event files in `folder`, at the policy's own count of gradient steps."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:

        def watch(done: int, measures: Mapping[str, float]) -> None:
            for name, value in measures.items():
                writer.add_scalar(name, value, first_step + done)

        yield watch
