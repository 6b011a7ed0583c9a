"""Ranks the robots by their signals in the order of the allocation (Fleet-DAgger's priority functions; IIFL section 4.4).

N robots, L columns of the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_allocator.allocation_rule import AllocationRule, Call, Ranking
from fleet_contract.fleet import AllocationConfig
from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_contract.validation import InputError, StrictModel


class Priority(AllocationRule):
    """Ranks robots lexicographically by the signals of the order, larger values first; ties are broken at random.

    A robot asks for help if at least one signal is above its threshold; the first of them is what calls the human. Signals that are
    not above their threshold, or NaN, do not count. Robots that do not ask follow, most uncertain first.
    """

    def __init__(self, config: AllocationConfig, options: StrictModel, supervisors: int) -> None:  # noqa: ARG002
        if not config.order:
            raise InputError("allocation.order: expected at least one signal, got none.")
        self._order = config.order
        self._only_asking = config.idle_humans

    @override
    def rank(
        self,
        signals: Mapping[str, NDArray[np.float64]],
        thresholds: Mapping[str, float],
        generator: np.random.Generator,
    ) -> Ranking:
        columns = [(signal, signals[signal], thresholds[signal]) for signal in self._order]
        return ranked(columns, calmness(signals), generator, only_asking=self._only_asking)


def ranked(
    columns: Sequence[tuple[str, NDArray[np.float64], float]],
    calm_N: NDArray[np.float64],
    generator: np.random.Generator,
    *,
    only_asking: bool,
) -> Ranking:
    """Return the lexicographic ranking.

    Args:
        columns: names, values (N,) and thresholds of what is compared, most important first.
        calm_N: ranks the robots that do not ask, larger values first.
        generator: breaks ties.
        only_asking: whether only robots that ask may get a human.
    """
    keys_LN = np.array([np.where(values_N > threshold, values_N, -np.inf) for _, values_N, threshold in columns])
    above_LN = np.asarray(keys_LN > -np.inf)
    asks_N = np.asarray(above_LN.any(axis=0))
    ranked_N = np.lexsort((generator.random(len(calm_N)), np.where(asks_N, 0.0, -calm_N), *-keys_LN[::-1]))
    robots = ranked_N.tolist()
    asking = robots[: asks_N.sum()]
    first_N = above_LN.argmax(axis=0)
    calls = {
        robot: Call(columns[first][0], float(columns[first][1][robot]), columns[first][2])
        for robot in asking
        for first in [int(first_N[robot])]
    }
    return Ranking(asking, asking if only_asking else robots, calls)


def calmness(signals: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return what ranks robots that do not ask for help: the uncertainty, if there is one."""
    return signals.get(UNCERTAINTY, np.zeros_like(signals[VIOLATION]))
