"""The random rule: all orders of the robots are equally likely (IIFL-Random, section 7.3.1).

N robots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import override

from fleet_allocator.allocation_rule import AllocationRule, Ranking
from fleet_allocator.budget import Budget
from fleet_contract.fleet import AllocationConfig
from fleet_contract.signal import VIOLATION
from fleet_contract.validation import InputError, StrictModel


class RandomOptions(StrictModel):
    """Options of the rule."""

    budget_per_tick: float | None = Field(default=None, gt=0)
    """Mean number of busy humans per tick; null: all humans are busy, which is so exactly if they may not be idle."""


class RandomRule(AllocationRule):
    """Sends as many humans as its budget allows to any robots, without preferring those in violation; no robot asks for help."""

    Options: ClassVar[type[StrictModel]] = RandomOptions

    def __init__(self, config: AllocationConfig, options: RandomOptions, supervisors: int) -> None:
        if config.idle_humans != (options.budget_per_tick is not None):
            expected = "a number" if config.idle_humans else "null unless idle_humans is true"
            raise InputError(f"allocation.options.budget_per_tick: expected {expected}, got {options.budget_per_tick}.")
        self._budget = Budget(options.budget_per_tick, supervisors) if options.budget_per_tick is not None else None

    @override
    def rank(
        self,
        signals: Mapping[str, NDArray[np.float64]],
        thresholds: Mapping[str, float],
        generator: np.random.Generator,
    ) -> Ranking:
        robots = len(signals[VIOLATION])
        return Ranking([], np.argsort(generator.random(robots), kind="stable").tolist())

    @override
    def places(self, available: int, generator: np.random.Generator) -> int:
        return available if self._budget is None else min(available, self._budget.draw(generator))

    @override
    def spend(self, actions: int) -> None:
        if self._budget is not None:
            self._budget.spend(actions)
