"""Providers of signals: critics and monitors that say how urgently each robot needs a human.

n robots that are observed at a tick, S state dim, A action dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fleet_contract.fleet import Fleet, SignalSelection
from fleet_contract.plugins import NoOptions, plugin
from fleet_contract.robot import Stream
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


@dataclass(frozen=True)
class Snapshot:
    """What a provider sees of the fleet at one tick."""

    tick: int
    """Tick of the observations."""
    robots: Sequence[int]
    """Indices of the robots; one that is missing was unreachable."""
    episodes_n: NDArray[np.int64]
    """Numbers of the robots' episodes, which change when a new one begins."""
    observations_n: NDArray[np.generic]
    """States (n, S) in the robot's units, or images (n, H, W, C)."""
    actions_nA: NDArray[np.float64]
    """The actions that the policy proposes, in the robot's units; NaN if it proposes none."""


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
    def read(cls, selection: SignalSelection, options: Any, fleet: Fleet) -> Self:
        """Make the provider that a fleet file selects; `options` is an instance of `Options`.

        Raises:
            InputError: its file cannot be read or was made for other robots.
        """

    def values(self, snapshot: Snapshot) -> Mapping[str, NDArray[np.float64]]:
        """Return the values (n,) of every signal by name; larger is more urgent, and NaN is no value.

        Ticks increase from call to call.
        """

    def film(self, robot: int) -> NDArray[np.uint8] | None:  # noqa: ARG002
        """Return a picture (H, W, 3), RGB, of what the provider expects a robot to do, at the last tick; None if it has none."""
        return None


def read_provider(selection: SignalSelection, fleet: Fleet) -> SignalProvider:
    """Make the provider that a fleet file selects.

    Raises:
        InputError: there is no such provider, or it cannot be made.
    """
    kind: type[SignalProvider] = plugin(GROUP, selection.provider, key="signals.provider")
    options = validated(selection.options, kind.Options, source="signals.options")
    provider = kind.read(selection, options, fleet)
    names = tuple(signal.name for signal in provider.signals)
    taken = {UNCERTAINTY, VIOLATION}.intersection(names)
    if taken or (selection.names and selection.names != names):
        raise InputError(
            f"signals.names: expected {', '.join(names)}, as provider {selection.provider} has, got others."
        )
    return provider
