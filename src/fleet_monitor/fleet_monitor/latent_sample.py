"""A uniform sample of all latents that were seen in the rounds so far, of bounded size.

m latents of the sample, n new latents, W width of a latent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SIZE = 4000
"""Largest number of latents of a sample."""
MOST_SEEN = 500_000_000
"""Number of latents beyond which a sample stops counting. Numpy draws from at most twice as many."""


@dataclass(frozen=True)
class LatentSample:
    """What is remembered of latents: up to SIZE of them, each with the same probability. Immutable."""

    latents_mW: Tensor
    seen: int
    """Number of latents from which they were drawn."""

    def with_more(self, others_nW: Tensor, generator: torch.Generator) -> LatentSample:
        """Return a uniform sample of the latents that were seen and of the others together.

        How many of it are old follows the hypergeometric distribution, as if it were drawn from all at once.

        Args:
            others_nW: new latents.
            generator: source of all random numbers.
        """
        order = torch.randperm(len(others_nW), generator=generator)
        size, old = min(SIZE, self.seen + len(others_nW)), 0
        if self.seen:
            numbers = np.random.default_rng(int(torch.randint(1 << 62, (), generator=generator)))
            old = int(numbers.hypergeometric(self.seen, len(others_nW), size))
        kept = (
            torch.randperm(len(self.latents_mW), generator=generator)[:old] if old else torch.zeros(0, dtype=torch.long)
        )
        latents_mW = torch.cat([self.latents_mW[kept], others_nW[order[: size - old]]])
        return LatentSample(latents_mW, min(MOST_SEEN, self.seen + len(others_nW)))


def empty_sample(width: int) -> LatentSample:
    """Return a sample of no latents."""
    return LatentSample(torch.zeros(0, width), 0)
