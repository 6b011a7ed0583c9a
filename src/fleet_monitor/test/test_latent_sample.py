"""Samples of latents hold all of few latents, and of many each with the same probability, in whatever rounds they came."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fleet_monitor.latent_sample import empty_sample

ROUNDS = st.lists(st.integers(0, 12), min_size=1, max_size=5)


@pytest.fixture(scope="module", autouse=True)
def _small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet_monitor.latent_sample.SIZE", 10)
        yield


def sampled(counts, seed):
    """Numbers of the latents that are remembered after rounds of so many, and how many were seen."""
    generator, sample, first = torch.Generator().manual_seed(seed), empty_sample(1), 0
    for count in counts:
        sample = sample.with_more(torch.arange(first, first + count)[:, None].float(), generator)
        first += count
    return sample.latents_mW[:, 0].int().tolist(), sample.seen


@given(ROUNDS, st.integers(0, 100))
def test_a_sample_holds_different_latents_and_all_of_few(counts, seed):
    found, seen = sampled(counts, seed)
    assert seen == sum(counts)
    assert len(found) == len(set(found)) == min(10, seen)
    assert set(found) <= set(range(seen))


def test_latents_of_all_rounds_are_remembered_equally_often():
    draws = 3000
    counts = torch.bincount(
        torch.tensor([number for seed in range(draws) for number in sampled((4, 25, 0, 11), seed)[0]])
    )
    # Ten of forty: four standard deviations of a binomial distribution.
    expected, deviation = draws / 4, (draws * 3 / 16) ** 0.5
    assert len(counts) == 40
    assert (counts - expected).abs().max() < 4 * deviation


def test_a_sample_depends_on_the_seed_alone():
    assert sampled((20, 20), 3) == sampled((20, 20), 3) != sampled((20, 20), 4)
