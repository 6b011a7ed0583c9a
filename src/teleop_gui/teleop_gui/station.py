"""A supervisor's station: turns what the human does under a lease into the robot's action.

S state dim.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.lease import Lease, LeaseKind
from teleop_gui.supervisor import Supervisor


class HumanInterface(Protocol):
    """Wherever a human works."""

    def act(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> RobotAction | None:
        """What the robot is to do at this tick, on the human's behalf; None while the human has not decided."""


class Station(HumanInterface):
    """The place of a supervisor who decides."""

    def __init__(self, supervisor: Supervisor, hard_reset_ticks: int) -> None:
        """A hard reset is done at the `hard_reset_ticks`-th tick, or later, when the supervisor says so."""
        self._supervisor = supervisor
        self._hard_reset_ticks = hard_reset_ticks
        self._token = 0

    def act(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> RobotAction | None:
        """See `HumanInterface.act`."""
        if lease.token != self._token:
            self._token = lease.token
            self._supervisor.begin()
        kind, values = ActionKind.HOLD, ()
        if lease.kind is LeaseKind.TELEOPERATE:
            action_A = self._supervisor.act(state_S)
            if action_A is None:
                return None
            kind, values = ActionKind.MOVE, tuple(action_A.tolist())
        elif tick - lease.since_tick >= self._hard_reset_ticks - 1 and self._supervisor.has_reset():
            kind = ActionKind.HARD_RESET
        return RobotAction(tick, kind, ActionSource.HUMAN, values, supervisor=lease.supervisor, lease=lease.token)
