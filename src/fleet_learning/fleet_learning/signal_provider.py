"""Providers of signals: critics and monitors that say how urgently each robot needs a human.

n robots that are observed at a tick, S state dim, A action dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from fleet_contract.fleet import Fleet, SignalSelection
from fleet_contract.plugins import NoOptions, plugin
from fleet_contract.robot import Stream
from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.robot_steps import RobotStep

GROUP = "fleet.signals"
"""Group of the entry points, which refer to classes of providers."""
Advance = Callable[[Mapping[str, float]], None]
"""Called with measures of a training by name."""


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


class SignalLearner(Protocol):
    """Learns what a provider computes its signals with, in a process of its own, from one round of a run after the other."""

    def learn(self, steps: Sequence[RobotStep], path: Path, *, seed: int, advance: Advance) -> str:
        """Learn from another round, write the next version into a file, whole or not at all, and return the file's sha256.

        Args:
            steps: the steps of the round, sorted by robot and tick; episodes continue from one round to the next.
            path: the file; its folder exists, and is that of all versions.
            seed: seed of all randomness.
            advance: called often, with what is measured, if anything; what it raises ends the training.

        Raises:
            InputError: the file of the version before cannot be read.
        """


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

    def learner(self) -> SignalLearner | None:
        """Return what learns the provider's next versions; None if it cannot learn."""
        return None

    def update(self, path: Path, digest: str) -> None:
        """Compute the next values with a version that the learner has written; what was observed until now still counts.

        Args:
            path: file of the version.
            digest: sha256 of the file, hexadecimal.

        Raises:
            InputError: the file cannot be read, or was made for others; the version before is still used.
        """
        raise NotImplementedError


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
    if selection.learns and provider.learner() is None:
        raise InputError(
            f"signals.learns: expected false with provider {selection.provider}, which cannot learn, got true."
        )
    return provider
