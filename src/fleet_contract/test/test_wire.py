"""Arrays of messages hold the numbers that are packed into them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fleet_contract.wire import TYPES, packed, require_known, require_lengths


@given(
    st.sampled_from(sorted(TYPES)).flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=2, min_side=0)))
)
def test_arrays_are_packed_row_by_row(values):
    result = packed(values.dtype.name, values)
    assert (result.typecode, result.itemsize) == (TYPES[values.dtype.name], values.itemsize)
    np.testing.assert_array_equal(np.array(result, dtype=values.dtype), values.ravel())


@given(st.sampled_from(["uint8", "uint32", "uint64"]), st.data())
def test_whole_numbers_of_any_array_are_packed(kind, data):
    values = data.draw(arrays(np.int64, 3, elements=st.integers(0, min(np.iinfo(kind).max, 2**63 - 1))))
    assert packed(kind, values).tolist() == packed(kind, values.tolist()).tolist() == values.tolist()


def test_views_of_arrays_are_packed_as_they_are_seen():
    values = np.arange(12.0).reshape(3, 4)
    assert packed("float64", values[::-1, 1:3].T).tolist() == values[::-1, 1:3].T.ravel().tolist()


@given(st.lists(st.sampled_from("abcd"), max_size=5), st.sets(st.sampled_from("abcd")))
def test_only_different_robots_of_the_fleet_are_known(robots, known):
    if len(set(robots)) == len(robots) and all(robot in known for robot in robots):
        require_known(robots, known)
        return
    with pytest.raises(ValueError, match="robots: expected different robots of this fleet, got ") as caught:
        require_known(robots, known)
    named = sorted(set(robots) - known) or robots
    assert str(caught.value).endswith(f"got {named}")


@given(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=3))
def test_every_array_has_one_entry_per_robot(count, lengths):
    given_arrays = {f"array_{index}": [0] * length for index, length in enumerate(lengths)}
    wrong = [(name, len(values)) for name, values in given_arrays.items() if len(values) != count]
    if not wrong:
        require_lengths(count, **given_arrays)
        return
    name, length = wrong[0]
    with pytest.raises(ValueError, match=f"^{name}: expected one entry for each of {count} robots, got {length}$"):
        require_lengths(count, **given_arrays)
