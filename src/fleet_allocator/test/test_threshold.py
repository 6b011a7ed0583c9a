"""Calibrated and online thresholds are percentiles of past uncertainties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_allocator.threshold import OnlineThreshold, calibrated_threshold


def test_the_calibrated_threshold_is_the_99th_percentile_by_default():
    assert calibrated_threshold(np.arange(101.0).reshape(101, 1)) == 99.0
    assert calibrated_threshold(np.arange(101.0).reshape(1, 101), percentile=80.0) == 80.0


def test_nan_is_ignored():
    assert calibrated_threshold(np.array([[math.nan, 3.0], [1.0, math.nan]]), percentile=50.0) == 2.0


@pytest.mark.parametrize("uncertainties", [np.empty((0, 4)), np.full((3, 2), math.nan)])
def test_calibration_needs_an_uncertainty(uncertainties):
    with pytest.raises(ValueError, match="expected at least one uncertainty, got none"):
        calibrated_threshold(uncertainties)


@given(
    ticks=st.integers(1, 5),
    percentile=st.floats(0.5, 99.5),
    stream=st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 2.0, math.nan, math.inf]) | st.floats(-9, 9), max_size=5), max_size=12
    ),
)
def test_the_online_threshold_is_the_percentile_of_the_window(ticks, percentile, stream):
    online, window = OnlineThreshold(ticks, percentile), []
    for values in stream:
        window.append(np.array(values))
        seen = np.concatenate(window[-ticks:])
        seen = seen[np.isfinite(seen)]
        expected = np.percentile(seen, percentile) if len(window) >= ticks and len(seen) else math.inf
        assert online.add(np.array(values)) == expected
