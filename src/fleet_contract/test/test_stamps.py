"""Samples are joined to the ticks of their stamps, in any order of arrival."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.stamps import MOST_SAMPLES, MOST_TICKS, StampJoin


@given(order=st.permutations([(kind, tick) for kind in ("tick", "sample") for tick in range(MOST_SAMPLES)]))
def test_every_pair_is_joined_once_when_its_second_part_arrives(order):
    join, came = StampJoin[str](), set()
    for kind, tick in order:
        stamp = (tick // 7, tick % 7)
        joined = join.add_tick(stamp, tick) if kind == "tick" else join.add_sample(stamp, f"image {tick}")
        assert joined == ((tick, f"image {tick}") if tick in came else None)
        came.add(tick)


def test_unmatched_samples_are_dropped():
    join = StampJoin[str]()
    for stamp in range(1000):
        assert join.add_sample(stamp, "image") is None
    for stamp in range(1000 - MOST_SAMPLES):
        assert join.add_tick(stamp, stamp) is None
    for stamp in range(1000 - MOST_SAMPLES, 1000):
        assert join.add_tick(stamp, stamp) == (stamp, "image")


def test_many_ticks_may_arrive_before_their_samples_and_older_ones_are_dropped():
    join = StampJoin[str]()
    for stamp in range(3 * MOST_TICKS):
        assert join.add_tick(stamp, stamp) is None
    for stamp in range(2 * MOST_TICKS):
        assert join.add_sample(stamp, "image") is None
    for stamp in range(2 * MOST_TICKS, 3 * MOST_TICKS):
        assert join.add_sample(stamp, "image") == (stamp, "image")


def test_all_ticks_and_samples_are_stored_on_request():
    join = StampJoin[str](stores_all=True)
    for stamp in range(2 * MOST_TICKS):
        join.add_tick(("tick first", stamp), stamp)
        join.add_sample(("sample first", stamp), "image")
    for stamp in range(2 * MOST_TICKS):
        assert join.add_sample(("tick first", stamp), "image") == (stamp, "image")
        assert join.add_tick(("sample first", stamp), stamp) == (stamp, "image")
