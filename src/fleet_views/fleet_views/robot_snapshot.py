"""The state of one robot at one tick, as it is drawn. S state dim."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionSource, RobotAction
from fleet_contract.driving import Driver, driver_of
from fleet_contract.lease import Lease, LeaseKind


@dataclass(frozen=True)
class RobotSnapshot:
    """What is known of one robot at one tick."""

    state_S: NDArray[np.float64] | None = None
    """Observation in the contract's units; None if it is unknown."""
    violated: bool = False
    """Whether the robot has violated a constraint and needs a hard reset."""
    unreachable: str = ""
    """Why the robot is unreachable; empty if it is reachable."""
    uncertainty: float = nan
    """Uncertainty of the policy; NaN if it is unknown."""
    threshold: float = inf
    """Uncertainty above which the robot asks for help."""
    unit: str = ""
    """Unit of uncertainty and threshold; empty if it is unknown."""
    waiting: bool = False
    """Whether the robot asks for help and has no human."""
    lease: Lease | None = None
    action: RobotAction | None = None
    """The action that the gate has released for this tick; None until then."""
    last: RobotAction | None = None
    """The action that the gate released for the tick before."""

    @property
    def driver(self) -> Driver:
        """Who drives the robot.

        Until the tick's action is released, that is the human who holds the lease, or else the policy if it drove before.
        """
        if self.action is not None or (self.lease and self.lease.kind is LeaseKind.HARD_RESET):
            return driver_of(self.action, self.lease)
        if self.lease:
            return Driver.HUMAN
        return Driver.POLICY if self.last and self.last.source is ActionSource.POLICY else Driver.NOBODY

    @property
    def supervisor(self) -> str:
        """Name of the human who holds the robot's lease; empty if there is none."""
        return self.lease.supervisor if self.lease else ""
