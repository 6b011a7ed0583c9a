"""Every change of an image does what its name says, checked on images with a known result.

H image rows, W image columns, C channels.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from fleet_learning.augmentation import (
    Augmentation,
    with_added,
    with_blur,
    with_contrast,
    with_gamma,
    with_noise,
    with_saturation,
    with_shift,
)

RAMP = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
"""Every grey level once."""
COLOURS = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
NONE = Augmentation(
    copies=2,
    contrast=(1, 1),
    added=(0, 0),
    gamma=(1, 1),
    blur_px=(0, 0),
    saturation=(1, 1),
    noise=(0, 0),
    shift_px=(0, 0),
)


def grey(value: int) -> np.ndarray:
    return np.full((4, 4, 3), value, dtype=np.uint8)


@pytest.mark.parametrize(
    ("value", "factor", "expected"), [(127, 1.15, 127), (227, 0.9, 217), (27, 0.9, 37), (250, 1.15, 255), (0, 1.15, 0)]
)
def test_contrast_moves_values_away_from_grey(value, factor, expected):
    assert (with_contrast(grey(value), factor) == expected).all()


@pytest.mark.parametrize(("columns", "rows"), [(0, 0), (3, 0), (0, -2), (-4, 4)])
def test_a_shift_moves_all_pixels(columns, rows):
    shifted = with_shift(COLOURS, columns, rows)
    across, down = (np.clip(np.arange(24) - by, 0, 23) for by in (columns, rows))
    np.testing.assert_array_equal(shifted, COLOURS[np.ix_(down, across)])
    one_channel = COLOURS[..., :1]
    assert with_shift(one_channel, 1, 0).shape == one_channel.shape


def test_a_shift_by_half_a_pixel_averages_two_pixels():
    shifted = with_shift(COLOURS, 0.5, 0).astype(float)
    expected = (COLOURS[:, 1:].astype(float) + COLOURS[:, :-1]) / 2
    np.testing.assert_allclose(shifted[:, 1:], expected, atol=1)


def test_copies_are_shifted_within_the_range():
    image = np.zeros((21, 21, 3), np.uint8)
    image[10, 10] = 255
    shifting = replace(NONE, copies=200, shift_px=(-3.0, 3.0))
    copies = np.stack([shifting.copy(image, 1, np.random.default_rng(seed)) for seed in range(200)]).astype(float)
    weights = copies[..., 0] / copies[..., 0].sum((1, 2), keepdims=True)
    for axis in (1, 2):
        centres = (weights.sum(3 - axis) @ np.arange(21.0)) - 10
        assert np.abs(centres).max() <= 3.05
        assert centres.min() < -2.5 < 2.5 < centres.max()


def test_an_offset_is_added_to_each_channel():
    changed = with_added(grey(100), np.array([10.0, -10.0, 0.4]))
    assert (changed == [110, 90, 100]).all()
    assert (with_added(grey(250), np.array([10.0, 0.0, -10.0])) == [255, 250, 240]).all()
    assert (with_added(grey(5), np.array([-10.0, 0.0, 0.0])) == [0, 5, 5]).all()


@pytest.mark.parametrize("exponent", [0.9, 1.0, 1.1])
def test_gamma_is_a_power(exponent):
    expected = np.rint(255 * (np.arange(256) / 255) ** exponent)
    np.testing.assert_array_equal(with_gamma(RAMP, exponent)[..., 0].ravel(), expected)


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.3, 0.6])
def test_blur_is_gaussian(sigma):
    blurred = with_blur(COLOURS, sigma).astype(float)
    expected = COLOURS.astype(float)
    if sigma:
        expected = gaussian_filter(expected, (sigma, sigma, 0), mode="mirror", radius=1)
    assert np.abs(blurred - expected).max() <= 2


def test_saturation_changes_colours_and_not_brightness():
    np.testing.assert_array_equal(with_saturation(RAMP, 1.05), RAMP)
    paler = with_saturation(COLOURS, 0.5).astype(float)
    brightness = COLOURS @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(paler @ [0.299, 0.587, 0.114], brightness, atol=1.5)
    np.testing.assert_allclose(paler, (COLOURS + brightness[..., None]) / 2, atol=1.5)
    one_channel = COLOURS[..., :1]
    np.testing.assert_array_equal(with_saturation(one_channel, 0.5), one_channel)


@pytest.mark.parametrize("sigma", [0.0, 1.0, 255 / 80])
def test_noise_has_the_standard_deviation(sigma):
    image = np.full((200, 200, 3), 127, np.uint8)
    difference = with_noise(image, sigma, np.random.default_rng(0)).astype(float) - 127
    # Rounding to whole values adds a variance of 1/12.
    assert difference.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12) if sigma else 0, rel=0.02)
    assert abs(difference.mean()) < 4 * max(sigma, 0.01) / np.sqrt(image.size)


def test_noise_is_normal():
    image = np.full((200, 200, 3), 127, np.uint8)
    levels = with_noise(image, 3.0, np.random.default_rng(0)).astype(int) - 127
    shares = np.array([(levels <= level).mean() for level in range(-9, 9)])
    # Rounded values are at most a level if the noise is less than half a level above it.
    expected = norm.cdf(np.arange(-9, 9) + 0.5, scale=3.0)
    np.testing.assert_allclose(shares, expected, atol=4 * 0.5 / np.sqrt(image.size))


def test_the_first_copy_is_the_image_and_empty_ranges_change_nothing():
    for augmentation, index in ((Augmentation(), 0), (NONE, 1)):
        np.testing.assert_array_equal(augmentation.copy(COLOURS, index, np.random.default_rng(0)), COLOURS)


@given(seed=st.integers(0, 2**32 - 1))
def test_colours_are_looked_up_once_as_if_changed_one_after_the_other(seed):
    changing = replace(NONE, contrast=(0.5, 1.5), added=(-40.0, 40.0), gamma=(0.5, 2.0))
    drawn, same = np.random.default_rng(seed), np.random.default_rng(seed)
    same.uniform(size=2)  # the shift
    expected = with_contrast(COLOURS, same.uniform(*changing.contrast))
    expected = with_added(expected, same.uniform(*changing.added, size=3))
    expected = with_gamma(expected, same.uniform(*changing.gamma))
    np.testing.assert_array_equal(changing.copy(COLOURS, 1, drawn), expected)


def test_images_of_one_channel_are_augmented():
    assert Augmentation().copy(COLOURS[..., :1], 1, np.random.default_rng(0)).shape == (24, 24, 1)


CHANGES = [field.name for field in fields(Augmentation) if field.name not in {"copies", "shift_px"}]


@pytest.mark.parametrize("name", CHANGES)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_change_is_drawn_from_its_own_range(name, seed):
    """A copy lies between those at both ends of its range, except for noise."""
    low, high = getattr(Augmentation(), name)
    drawn, least, most = (
        replace(NONE, **{name: ends}).copy(COLOURS, 1, np.random.default_rng(seed)).astype(float)
        for ends in ((low, high), (low, low), (high, high))
    )
    assert not np.array_equal(least, most)
    if name != "noise":
        assert (drawn >= np.minimum(least, most) - 1).all()
        assert (drawn <= np.maximum(least, most) + 1).all()


def test_equal_random_streams_give_equal_copies_and_different_streams_different_ones():
    copies = [Augmentation().copy(COLOURS, 1, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(copies[0], copies[1])
    assert not np.array_equal(copies[0], copies[2])
