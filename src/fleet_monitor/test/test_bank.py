"""The bank agrees with brute force, and finds what synthetic Gaussians leave no doubt about."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi

from fleet_contract.validation import InputError
from fleet_monitor.bank import BankConfig, NoveltyBank, fit_bank
from fleet_monitor.thresholds import FixedPercentile

WIDTH = 12


def gaussian(count, seed, *, mean=0.0, scale=1.0, dimensions=WIDTH):
    """Latents (count, WIDTH) that vary in the first dimensions only."""
    noise = torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed)) * scale
    noise[:, dimensions:] = 0
    return noise + mean


def as_futures(latents, futures=1, steps=1):
    return latents.reshape(-1, futures, steps, WIDTH)


def test_components_are_those_of_a_singular_value_decomposition():
    latents = gaussian(400, 0) * torch.linspace(1, 3, WIDTH) + 5
    bank = fit_bank({"push": latents[:150], "turn": latents[150:]}, BankConfig(dimensions=4, centres=3), seed=0)
    centred = (latents - latents.mean(0)).numpy()
    rows = np.linalg.svd(centred)[2][:4]
    np.testing.assert_allclose(bank.mean_W, latents.mean(0), atol=1e-5)
    np.testing.assert_allclose(np.abs(rows @ bank.components_WK.numpy()), np.eye(4), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.lists(st.sampled_from(["push", "turn"]), min_size=1, max_size=5))
def test_novelties_are_those_of_brute_force(futures, steps, tasks):
    seen = {"push": gaussian(60, 1), "turn": gaussian(50, 2, mean=4.0)}
    bank = fit_bank(seen, BankConfig(dimensions=5, centres=7), seed=0)
    imagined = as_futures(gaussian(len(tasks) * futures * steps, 3, scale=3.0), futures, steps)
    expected = [
        np.mean(
            [
                min(
                    float(((latent - bank.mean_W) @ bank.components_WK - centre).double().norm())
                    for centre in bank.centres[task]
                )
                for latent in future.reshape(-1, WIDTH)
            ]
        )
        for future, task in zip(imagined, tasks, strict=True)
    ]
    np.testing.assert_allclose(bank.novelties(imagined, tasks), expected, rtol=1e-4)


def test_centres_are_those_of_separate_clusters():
    means = 20 * torch.eye(WIDTH)[:4]
    seen = torch.cat([gaussian(200, number, mean=mean) for number, mean in enumerate(means)])
    bank = fit_bank({"push": seen}, BankConfig(dimensions=4, centres=4), seed=0)
    found = bank.centres["push"] @ bank.components_WK.T + bank.mean_W
    assert (torch.cdist(means, found).amin(1) < 0.5).all()


def test_distances_of_one_gaussian_follow_the_chi_distribution():
    bank = fit_bank({"push": gaussian(20_000, 0, dimensions=3)}, BankConfig(dimensions=3, centres=1), seed=0)
    novelties = bank.novelties(as_futures(gaussian(20_000, 1, dimensions=3)), ["push"] * 20_000)
    for share in (0.1, 0.5, 0.9, 0.99):
        assert np.quantile(novelties, share) == pytest.approx(chi(3).ppf(share), rel=0.05)


def test_a_percentile_of_held_out_novelties_has_its_false_alarm_rate():
    bank = fit_bank({"push": gaussian(4000, 0)}, BankConfig(dimensions=8, centres=32), seed=0)
    held_out, new, far = (
        bank.novelties(as_futures(latents), ["push"] * len(latents)).double().numpy()
        for latents in (gaussian(4000, 1), gaussian(4000, 2), gaussian(100, 3, mean=6.0))
    )
    threshold = FixedPercentile(95).choose([held_out], 0.0)
    assert (new > threshold).mean() == pytest.approx(0.05, abs=0.015)
    assert (far > threshold).all()


def test_each_task_has_its_own_centres():
    seen = {"push": gaussian(300, 0), "turn": gaussian(300, 1, mean=8.0)}
    bank = fit_bank(seen, BankConfig(dimensions=6, centres=16), seed=0)
    new = as_futures(torch.stack([gaussian(1, 2)[0], gaussian(1, 3, mean=8.0)[0]]))
    own, others = bank.novelties(new, ["push", "turn"]), bank.novelties(new, ["turn", "push"])
    assert (others > 3 * own).all()


def test_equal_latents_count_once():
    with pytest.raises(InputError, match=r"task push: expected at least 5 different latents, got 1\.$"):
        fit_bank({"push": torch.ones(40, WIDTH)}, BankConfig(dimensions=2, centres=5), seed=0)


@pytest.fixture
def bank() -> NoveltyBank:
    return fit_bank({"push": gaussian(50, 0), "turn": gaussian(50, 1)}, BankConfig(dimensions=3, centres=4), seed=0)


def test_a_task_that_was_not_seen_is_refused(bank):
    with pytest.raises(InputError, match=r"^novelty bank: tasks: expected one of push, turn, got open\.$"):
        bank.novelties(torch.zeros(2, 1, 1, WIDTH), ["push", "open"])


def test_too_few_latents_are_refused():
    with pytest.raises(InputError, match=r"task turn: expected at least 4 different latents, got 3\.$"):
        fit_bank({"push": gaussian(4, 0), "turn": gaussian(3, 1)}, BankConfig(dimensions=2, centres=4), seed=0)


def test_more_dimensions_than_a_latent_has_are_refused():
    with pytest.raises(InputError, match=r"dimensions: expected at most 12, as latents have, got 13\.$"):
        fit_bank({"push": gaussian(50, 0)}, BankConfig(dimensions=13, centres=4), seed=0)


def test_no_latents_are_refused():
    with pytest.raises(InputError, match="at least one, got none"):
        fit_bank({}, BankConfig(), seed=0)
