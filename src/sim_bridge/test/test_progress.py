"""Which robots are stuck."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim_bridge.progress import PROGRESS_M, STUCK_TICKS, Progress


@given(
    remaining=st.lists(st.tuples(st.floats(0.0, 0.5), st.floats(0.0, 0.5)), min_size=1, max_size=100),
    first=st.tuples(st.floats(0.0, 0.5), st.floats(0.0, 0.5)),
    every=st.integers(1, 60),
)
def test_progress_is_the_plain_definition(remaining, first, every):
    """A robot is stuck if none of its last `STUCK_TICKS` moves made one of its distances shorter than ever before."""
    progress = Progress(2, 2)
    progress.start(np.array([1]), np.array([first]))
    nearest, last = list(first), 0
    for move, drawn in enumerate(remaining, start=1):
        left = drawn if move % every == 0 else (0.5, 0.5)
        progress.move(np.array([1]), np.array([left]))
        for distance in (0, 1):
            if left[distance] <= nearest[distance] - PROGRESS_M:
                nearest[distance], last = left[distance], move
        assert progress.stuck().tolist() == [False, move - last >= STUCK_TICKS]
