"""Samples are joined to ticks by their rule, in any order of arrival."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.alignment import Alignment, aligned

TIMES = st.integers(-1000, 1000).map(lambda ms: ms / 64)


@pytest.mark.parametrize(
    ("rule", "tolerance_s", "expected"),
    [
        ("hold", 0.0, 1),
        ("gap", 0.5, 1),
        ("gap", 0.25, 1),
        ("gap", 0.125, None),
        ("nearest", 0.5, 2),
        ("nearest", 0.125, 2),
        ("nearest", 0.0625, None),
    ],
)
def test_samples_around_a_tick(rule, tolerance_s, expected):
    stamps_s = [9.0, 9.75, 10.125, 11.0]
    assert aligned(stamps_s, 10.0, Alignment(rule=rule, tolerance_s=tolerance_s)) == expected


@given(st.lists(TIMES, max_size=8), TIMES, st.sampled_from(["hold", "nearest", "gap"]), st.sampled_from([0.5, 2.0]))
def test_the_sample_is_the_nearest_that_the_rule_permits(stamps_s, tick_s, rule, tolerance_s):
    permitted = {
        "hold": [stamp for stamp in stamps_s if stamp <= tick_s],
        "gap": [stamp for stamp in stamps_s if tick_s - tolerance_s <= stamp <= tick_s],
        "nearest": [stamp for stamp in stamps_s if tick_s - tolerance_s <= stamp <= tick_s + tolerance_s],
    }[rule]
    index = aligned(stamps_s, tick_s, Alignment(rule=rule, tolerance_s=tolerance_s))
    assert (index is None) == (not permitted)
    if index is not None:
        assert stamps_s[index] in permitted
        assert abs(stamps_s[index] - tick_s) == min(abs(stamp - tick_s) for stamp in permitted)


def test_the_later_of_two_samples_with_one_stamp_is_joined():
    assert aligned([1.0, 1.0], 1.0, Alignment(rule="hold")) == 1
