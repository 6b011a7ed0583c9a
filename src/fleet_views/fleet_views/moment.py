"""What is known of one robot at one tick. S state dim."""

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
    """One robot at one tick, as far as the topics have told."""

    state_S: NDArray[np.float64] | None = None
    """What it observes, in the contract's units."""
    violated: bool = False
    unreachable: str = ""
    """Why it cannot be reached; empty if it is there."""
    uncertainty: float = nan
    """nats."""
    threshold: float = inf
    """Uncertainty above which it asks for help, nats."""
    waiting: bool = False
    """It asks for help and has no human."""
    lease: Lease | None = None
    action: RobotAction | None = None
    """What the gate has released for this tick; None until then."""
    last: RobotAction | None = None
    """The same of the tick before."""

    @property
    def driver(self) -> Driver:
        """Who has the robot; until it is released what is done, the human who is asked, or the policy that goes on."""
        if self.action is not None or (self.lease and self.lease.kind is LeaseKind.HARD_RESET):
            return driver_of(self.action, self.lease)
        if self.lease:
            return Driver.HUMAN
        return Driver.POLICY if self.last and self.last.source is ActionSource.POLICY else Driver.NOBODY

    @property
    def supervisor(self) -> str:
        """Name of the human who has the robot; empty if none has."""
        return self.lease.supervisor if self.lease else ""
