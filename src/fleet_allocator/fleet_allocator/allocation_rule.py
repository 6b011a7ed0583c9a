"""Allocation rules: how robots are ranked by their signals. Every installed package may add rules.

N robots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet_contract.fleet import AllocationConfig
from fleet_contract.plugins import NoOptions, plugin
from fleet_contract.validation import StrictModel, validated

GROUP = "fleet.allocation_rules"
"""Group of the entry points, which refer to classes of rules."""


class Call(NamedTuple):
    """Why a robot asks for help."""

    signal: str
    """Name of the signal that is above its threshold."""
    value: float
    threshold: float


NO_CALL = Call("", 0.0, 0.0)
"""A robot that does not ask."""


@dataclass(frozen=True)
class Ranking:
    """Indices of robots at one tick, most urgent first."""

    asking: list[int]
    """Robots that ask for help."""
    candidates: list[int]
    """Robots that may get a human: those that ask for help, or all."""
    calls: Mapping[int, Call] = field(default_factory=dict)
    """Why robots ask, by their index."""


class AllocationRule(Protocol):
    """Ranks robots. A rule may hold state from tick to tick; it gets every tick once, in order."""

    Options: ClassVar[type[StrictModel]] = NoOptions
    """What `allocation.options` may hold."""

    def __init__(self, config: AllocationConfig, options: StrictModel, supervisors: int) -> None:
        """Create the rule of one run.

        Args:
            config: the allocation, with the order of the signals.
            options: an instance of `Options`.
            supervisors: M, number of humans.

        Raises:
            InputError: the rule cannot work with this order or these options.
        """

    def rank(
        self,
        signals: Mapping[str, NDArray[np.float64]],
        thresholds: Mapping[str, float],
        generator: np.random.Generator,
    ) -> Ranking:
        """Return the ranking of the robots at one tick.

        Args:
            signals: By name, values (N,); NaN where there is none.
            thresholds: By signal of the order, the value above which a robot asks for help.
            generator: Source of all randomness.
        """

    def places(self, available: int, generator: np.random.Generator) -> int:  # noqa: ARG002
        """Return how many humans may be busy at this tick, of those that are available."""
        return available

    def dismiss(self, robot: int, signal: str) -> None:
        """Take note that a human has dismissed a call whose signal is a score of the rule's own.

        The robot is not to ask by this score until it has not been above its threshold at a tick. Values of the order's signals
        whose alarms are dismissed are NaN: of these a rule needs to know nothing.
        """

    def spend(self, actions: int) -> None:
        """Take note of how many humans are busy at this tick; a negative number corrects what was said before."""


def make_rule(config: AllocationConfig, supervisors: int) -> AllocationRule:
    """Make the rule that an allocation names.

    Raises:
        InputError: there is no such rule, or it cannot work with this order or these options.
    """
    kind: type[AllocationRule] = plugin(GROUP, config.rule, key="allocation.rule")
    return kind(config, validated(config.options, kind.Options, source="allocation.options"), supervisors)
