"""Measures accuracy and duration of every sampler's estimates of known Jeffreys divergences."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from fleet_experiments.jeffreys.integration import features_of, integrated
from fleet_experiments.jeffreys.mixture_pair import MixturePair
from fleet_experiments.results import Row, run_of
from fleet_learning.randomness import torch_generator
from iifl_policy.annealing import AnnealedImportance
from iifl_policy.jeffreys import jeffreys
from iifl_policy.langevin import CORRECTED, REFERENCE
from iifl_policy.sampler import Sampler
from iifl_policy.uniform import Uniform

CHAINS = 512
"""Number of chains per estimate."""
PAIRS = {
    "other means": MixturePair(((1.0, -0.2, 0.25),), ((1.0, 0.2, 0.25),)),
    "other widths": MixturePair(((1.0, 0.0, 0.25),), ((1.0, 0.0, 0.125),)),
    "one of two modes moved": MixturePair(((0.5, -0.4, 0.15), (0.5, 0.4, 0.15)), ((0.5, -0.2, 0.15), (0.5, 0.4, 0.15))),
    "other masses of far modes": MixturePair(
        ((0.9, -0.5, 0.15), (0.1, 0.5, 0.15)), ((0.1, -0.5, 0.15), (0.9, 0.5, 0.15))
    ),
}
SAMPLERS: dict[str, Sampler] = {
    "Langevin, corrected": CORRECTED,
    "Langevin, reference": REFERENCE,
    "weighted uniform": Uniform(),
    "annealed importance": AnnealedImportance(),
}


def divergences(seeds: Sequence[int]) -> list[Row]:
    """Return every sampler's estimate for every pair of energies and every seed, in nats.

    `share` is the ratio of the estimate to the true divergence, which is integrated numerically.
    """
    rows: list[Row] = []
    any_state_B = torch.zeros(1, dtype=torch.float64)
    features_EBW = features_of(any_state_B)
    for pair_name, pair in PAIRS.items():
        truth = integrated(pair, any_state_B).item()
        for sampler_name, sampler in SAMPLERS.items():
            for seed in seeds:
                began = time.perf_counter()
                samples = sampler.sample(pair, features_EBW, CHAINS, torch_generator(seed))
                divergence_B, error_B = jeffreys(pair, features_EBW, samples)
                rows.append(
                    run_of(pair_name, sampler_name, seed, f"{CHAINS} chains")
                    | {
                        "integrated_nats": truth,
                        "estimated_nats": divergence_B.item(),
                        "standard_error_nats": error_B.item(),
                        "share": divergence_B.item() / truth,
                        "wall_s": time.perf_counter() - began,
                    }
                )
    return rows
