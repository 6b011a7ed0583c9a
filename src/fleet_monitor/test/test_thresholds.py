"""Thresholds keep what they promise on scores whose distribution is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from scipy.stats import norm

from fleet_contract.validation import InputError
from fleet_monitor.thresholds import (
    AdaptivePercentile,
    ConformalBand,
    FixedPercentile,
    best_percentile,
    fit_adaptive,
)

RATIOS = np.array([0.02, 0.1, 0.2, 0.35, 0.5, 0.8])


def curve(ratios, offset, gain, decay):
    return offset + gain * np.exp(-decay * ratios)


def test_the_fixed_percentile_is_the_quantile_of_a_gaussian():
    scores = list(np.random.default_rng(0).normal(3, 2, (100, 200)))
    assert FixedPercentile(95).choose(scores, 0.5) == pytest.approx(norm(3, 2).ppf(0.95), abs=0.06)


@given(st.floats(50, 80), st.floats(5, 19), st.floats(0.5, 20))
def test_the_fit_finds_the_curve_that_made_the_pairs(offset, gain, decay):
    fitted = fit_adaptive(RATIOS, curve(RATIOS, offset, gain, decay))
    assert [fitted.percentile(ratio) for ratio in RATIOS] == pytest.approx(curve(RATIOS, offset, gain, decay), abs=1e-3)
    assert fitted.decay == pytest.approx(decay, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_agrees_with_scipy_on_noisy_pairs(seed):
    noisy = curve(RATIOS, 80, 15, 5) + np.random.default_rng(seed).normal(0, 1, len(RATIOS))
    start = (80, 15, 5)
    scipys, _ = curve_fit(curve, RATIOS, noisy, start, bounds=([-np.inf, 0, 0.01], [np.inf, np.inf, 100]))
    fitted = fit_adaptive(RATIOS, noisy)
    own = curve(RATIOS, fitted.offset, fitted.gain, fitted.decay)
    assert np.square(own - noisy).sum() <= np.square(curve(RATIOS, *scipys) - noisy).sum() + 1e-6


def test_pairs_that_rise_with_help_give_their_mean():
    fitted = fit_adaptive(RATIOS, 60 + 30 * RATIOS)
    assert fitted.percentile(0.0) == fitted.percentile(1.0) == pytest.approx((60 + 30 * RATIOS).mean())


@given(st.lists(st.floats(0, 100), min_size=6, max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_percentiles_fall_with_help_and_stay_in_the_range_of_the_pairs(best, one, other):
    fitted = fit_adaptive(RATIOS, np.array(best))
    less, more = sorted([one, other])
    assert min(best) <= fitted.percentile(more) <= fitted.percentile(less) <= max(best)


def test_the_adaptive_threshold_is_the_percentile_of_its_ratio():
    scores = list(np.random.default_rng(1).normal(size=(50, 40)))
    adaptive = AdaptivePercentile(80, 19, 5, 50, 99)
    theta = 80 + 19 * math.exp(-5 * 0.3)
    assert adaptive.choose(scores, 0.3) == FixedPercentile(theta).choose(scores, 0.3)
    assert adaptive.choose(scores, 0.0) > adaptive.choose(scores, 0.3) > adaptive.choose(scores, 1.0)


def test_two_rounds_are_too_few_to_fit():
    with pytest.raises(InputError, match=r"^rounds: expected at least 3 .*, got 2 such rounds\.$"):
        fit_adaptive(np.array([0.1, 0.2, 0.2]), np.array([90.0, 80.0, 81.0]))


@pytest.mark.parametrize("ratio", [-0.1, 1.1, math.nan])
def test_a_ratio_that_is_none_is_refused(ratio):
    with pytest.raises(ValueError, match="from 0 to 1"):
        AdaptivePercentile(80, 19, 5, 50, 99).percentile(ratio)


@pytest.mark.parametrize("episodes", [19, 20, 50])
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_conformal_band_keeps_its_promise(episodes, rate):
    # Random walks: steps of one episode depend on each other, as those of real scores do.
    trials, steps = 4000, 15
    generator = np.random.default_rng(episodes)
    walks = generator.normal(size=(trials, episodes + 1, steps)).cumsum(-1)
    band = ConformalBand(rate)
    crossed = [(new > band.choose(list(seen), 0.0)).any() for *seen, new in walks]
    error = 4 * math.sqrt(rate * (1 - rate) / trials)
    exact = 1 - math.ceil((episodes + 1) * (1 - rate) - 1e-9) / (episodes + 1)
    assert rate - 1 / (episodes + 1) < exact <= rate + 1e-9
    assert np.mean(crossed) == pytest.approx(exact, abs=error)


def test_too_few_episodes_for_a_promise_are_refused():
    band = ConformalBand(0.05)
    episodes = list(np.random.default_rng(2).normal(size=(19, 5)))
    assert band.choose(episodes, 0.0) == max(episode.max() for episode in episodes)
    with pytest.raises(InputError, match=r"at least 19 successful episodes .* 0\.05, got 18\.$"):
        band.choose(episodes[:-1], 0.0)


def test_a_percentile_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least one successful episode, got none"):
        FixedPercentile(95).choose([], 0.0)


def test_the_best_percentile_separates_steps_that_needed_a_human():
    reference = np.arange(101.0)
    scores = np.arange(101.0)
    assert best_percentile(reference, scores, scores > 90) == 90


def test_the_best_percentile_maximises_f1():
    generator = np.random.default_rng(3)
    needed = generator.random(500) < 0.2
    scores = generator.normal(needed * 2.0, 1.0)

    def f1(percentile):
        alarms = scores > np.percentile(scores[~needed], percentile)
        precision, recall = needed[alarms].mean() if alarms.any() else 0.0, alarms[needed].mean()
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    found = best_percentile(scores[~needed], scores, needed)
    assert f1(found) == pytest.approx(max(f1(percentile) for percentile in range(101)))


def test_a_round_without_a_need_has_no_best_percentile():
    with pytest.raises(ValueError, match="got none"):
        best_percentile(np.arange(3.0), np.arange(3.0), np.zeros(3, dtype=bool))


@pytest.mark.parametrize("kind", [FixedPercentile(90), ConformalBand(0.2), AdaptivePercentile(80, 19, 5, 50, 99)])
def test_steps_without_a_value_do_not_count(kind):
    scores = list(np.random.default_rng(4).normal(size=(10, 20)))
    gaps = [np.concatenate([np.full(9, np.nan), episode]) for episode in scores]
    assert kind.choose([*gaps, np.full(5, np.nan), np.zeros(0)], 0.1) == kind.choose(scores, 0.1)


@pytest.mark.parametrize("rate", [0.0, 1.0, math.nan])
def test_a_promise_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        ConformalBand(rate)
