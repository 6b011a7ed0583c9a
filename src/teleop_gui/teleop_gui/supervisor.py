"""The supervisor Protocol: a human who drives one robot at a time, or a script that stands in for one.

S state dim, A action dim.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Supervisor(Protocol):
    """One human."""

    def begin(self) -> None:
        """An intervention begins: nothing is remembered of the last one."""

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The action (A,) that this human takes at the observation, in the contract's units and range.

        None while they have not decided: they are asked again. What is not decided in time is holding.
        """

    def has_reset(self) -> bool:
        """Whether the human has put robot and workspace right."""


class ScriptedSupervisor(ABC):
    """A `Supervisor` that is a script: it decides at once, remembers nothing, and resets when it is asked to."""

    @abstractmethod
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action (A,), in the contract's units and range."""

    def begin(self) -> None:  # noqa: B027 - nothing is remembered
        """See `Supervisor.begin`."""

    def has_reset(self) -> bool:
        """See `Supervisor.has_reset`."""
        return True
