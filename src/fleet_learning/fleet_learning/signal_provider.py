"""Providers of signals: critics and monitors that say how urgently each robot needs a human.

n robots that are observed at a tick, A action dim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fleet_contract.fleet import SignalSelection
from fleet_contract.plugins import NoOptions, plugin
from fleet_contract.robot import RobotContract, Stream
from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_contract.validation import InputError, StrictModel, validated

GROUP = "fleet.signals"
"""Group of the entry points, which refer to classes of providers."""


@dataclass(frozen=True)
class SignalDescription:
    """What a provider says of one of its signals."""

    name: str
    """Name by which the allocation's order refers to it."""
    unit: str
    """Unit of the values; 1 for numbers without a unit."""
    threshold: float = math.nan
    """Value above which a robot asks for help, unless the fleet file says another; NaN if the provider has none."""


class SignalProvider(Protocol):
    """Computes one or several signals of all robots from their observations and the actions that the policy proposes."""

    Options: ClassVar[type[StrictModel]] = NoOptions
    """What `options` may hold."""

    @property
    def observes(self) -> Stream:
        """Part of the observation that it sees."""

    @property
    def signals(self) -> tuple[SignalDescription, ...]:
        """Its signals."""

    @classmethod
    def read(cls, selection: SignalSelection, options: StrictModel, contract: RobotContract) -> Self:
        """Make the provider that a fleet file selects; `options` is an instance of `Options`.

        Raises:
            InputError: its file cannot be read or was made for other robots.
        """

    def values(
        self, tick: int, robots: Sequence[int], observations_n: NDArray[np.generic], actions_nA: NDArray[np.float64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """Return the values (n,) of every signal by name; larger is more urgent, and NaN is no value.

        Ticks increase from call to call. A robot that is missing was unreachable.

        Args:
            tick: tick of the observations.
            robots: indices of the robots.
            observations_n: states (n, S) in the robot's units, or images (n, H, W, C).
            actions_nA: the actions that the policy proposes, in the robot's units.
        """


def read_provider(selection: SignalSelection, contract: RobotContract) -> SignalProvider:
    """Make the provider that a fleet file selects.

    Raises:
        InputError: there is no such provider, or it cannot be made.
    """
    kind: type[SignalProvider] = plugin(GROUP, selection.provider, key="signals.provider")
    options = validated(selection.options, kind.Options, source="signals.options")
    provider = kind.read(selection, options, contract)
    names = tuple(signal.name for signal in provider.signals)
    taken = {UNCERTAINTY, VIOLATION}.intersection(names)
    if taken or (selection.names and selection.names != names):
        raise InputError(
            f"signals.names: expected {', '.join(names)}, as provider {selection.provider} has, got others."
        )
    return provider
