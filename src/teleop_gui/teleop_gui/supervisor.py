"""The Protocol of supervisors: a human who drives one robot at a time, or a script that stands in for one.

S state dim, A action dim.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override


class Supervisor(Protocol):
    """One human."""

    def begin(self) -> None:
        """Begin an intervention, without memory of the last one."""

    def needs_help(self, state_S: NDArray[np.float64]) -> bool:  # noqa: ARG002
        """Return whether the robot needs help; False dismisses the alarm of a signal as false.

        Asked at the observations of a lease that a signal called for, before `act`, until the human has acted for the first time.
        By default, every alarm is believed.
        """
        return True

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the action (A,) that this human takes at the observation, in the contract's units and range.

        None means that they have not decided yet and are to be asked again. The robot holds if they do not decide in time.
        """

    def has_reset(self) -> bool:
        """Return whether the human has reset the robot and its workspace."""


class ScriptedSupervisor(Supervisor):
    """A script as a `Supervisor`: it decides at once, is stateless, and resets as soon as it is asked to."""

    @abstractmethod
    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64]: ...

    @override
    def begin(self) -> None:
        """Do nothing: there is no state to clear."""

    @override
    def has_reset(self) -> bool:
        return True
