"""Samples are joined to the ticks of their stamps, in any order of arrival."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.stamps import MOST_WAITING, StampJoin


@given(order=st.permutations([(kind, tick) for kind in ("tick", "sample") for tick in range(MOST_WAITING)]))
def test_every_pair_is_joined_once_when_its_second_part_arrives(order):
    join, came = StampJoin[str](), set()
    for kind, tick in order:
        stamp = (tick // 7, tick % 7)
        joined = join.add_tick(stamp, tick) if kind == "tick" else join.add_sample(stamp, f"image {tick}")
        assert joined == ((tick, f"image {tick}") if tick in came else None)
        came.add(tick)


def test_unmatched_ticks_and_samples_are_dropped():
    join = StampJoin[str]()
    for stamp in range(1000):
        assert join.add_sample(stamp, "image") is None
    for stamp in range(1000 - MOST_WAITING):
        assert join.add_tick(stamp, stamp) is None
