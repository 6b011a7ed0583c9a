"""Conformance tests of allocation rules: derive from `RuleConformance` and implement `make`.

N robots.
"""
# ruff: noqa: D102, S101 - these are tests

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.signal import UNCERTAINTY, VIOLATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fleet_allocator.allocation_rule import AllocationRule, Ranking

ROBOTS, TICKS = 7, 40
"""Numbers of robots and of ticks of a run."""


class RuleConformance:
    """Tests of the `AllocationRule` Protocol. Name the derived class Test..., so that pytest collects it."""

    signals: tuple[str, ...] = (UNCERTAINTY, VIOLATION)
    """Signals of the fleet, which the rule's order names."""
    supervisors = 3
    """M, number of humans."""

    def make(self) -> AllocationRule:
        """Return the rule of a new run."""
        raise NotImplementedError

    def test_those_that_ask_are_candidates_and_robots_are_listed_once(self) -> None:
        for ranking in self._run():
            for robots in (ranking.asking, ranking.candidates):
                assert len(set(robots)) == len(robots)
                assert set(robots) <= set(range(ROBOTS))
            assert set(ranking.asking) <= set(ranking.candidates)
            assert [robot for robot in ranking.candidates if robot in ranking.asking] == ranking.asking

    def test_the_same_run_gives_the_same_rankings(self) -> None:
        assert self._run() == self._run()

    def test_a_robot_without_values_does_not_ask(self) -> None:
        nothing = {name: np.full(ROBOTS, np.nan) for name in self.signals}
        rule = self.make()
        for tick in range(TICKS):
            signals = nothing if tick % 2 else self._signals(tick)
            ranking = rule.rank(signals, self._thresholds, np.random.default_rng(tick))
            assert not (tick % 2 and ranking.asking)

    def test_calls_are_above_their_thresholds(self) -> None:
        for ranking in self._run():
            assert ranking.calls.keys() <= set(ranking.asking)
            assert all(call.signal and call.value > call.threshold for call in ranking.calls.values())

    def test_a_dismissed_score_of_its_own_does_not_call(self) -> None:
        rule = self.make()
        for tick in range(TICKS):
            signals = self._signals(tick)
            calls = rule.rank(signals, self._thresholds, np.random.default_rng(tick)).calls
            own = {robot: call.signal for robot, call in calls.items() if call.signal not in self.signals}
            for robot, score in own.items():
                rule.dismiss(robot, score)
            calls = rule.rank(signals, self._thresholds, np.random.default_rng(tick)).calls
            assert all(robot not in calls or calls[robot].signal != score for robot, score in own.items())

    def test_the_signals_are_only_read(self) -> None:
        rule = self.make()
        for tick in range(TICKS):
            signals = self._signals(tick)
            rule.rank(signals, self._thresholds, np.random.default_rng(tick))
            for name, values_N in self._signals(tick).items():
                np.testing.assert_array_equal(signals[name], values_N)

    def test_no_more_humans_are_busy_than_are_available(self) -> None:
        rule, generator = self.make(), np.random.default_rng(0)
        for tick in range(TICKS):
            places = rule.places(tick % (self.supervisors + 1), generator)
            assert 0 <= places <= tick % (self.supervisors + 1)
            rule.spend(places)

    @property
    def _thresholds(self) -> Mapping[str, float]:
        return {name: 0.0 if name == VIOLATION else 0.6 for name in self.signals}

    def _signals(self, tick: int) -> dict[str, NDArray[np.float64]]:
        """Return random values, some of which are NaN or tie, and violations of 0 or 1."""
        generator = np.random.default_rng([1, tick])
        values = {name: generator.choice([0.1, 0.5, 0.6, 0.7, 1.3, np.nan], ROBOTS) for name in self.signals}
        return values | {VIOLATION: generator.choice([0.0, 1.0], ROBOTS, p=[0.8, 0.2])}

    def _run(self) -> list[Ranking]:
        rule = self.make()
        return [
            rule.rank(self._signals(tick), self._thresholds, np.random.default_rng([2, tick])) for tick in range(TICKS)
        ]
