"""A supervisor's station: turns the supervisor's decisions under a lease into the robot's actions.

S state dim.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.lease import Lease, LeaseKind
from teleop_gui.supervisor import Supervisor


class HumanInterface(Protocol):
    """Source of a human's actions under leases."""

    def needs_help(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> bool:
        """Return whether the robot needs help; if not, the human dismisses the lease's alarm. Always true if it is no alarm."""

    def act(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> RobotAction | None:
        """Return the robot's action at this tick; None while the human has not decided."""


class Station(HumanInterface):
    """The station of a supervisor who decides on every action."""

    def __init__(self, supervisor: Supervisor, hard_reset_ticks: int) -> None:
        """Create a station whose hard resets end at the `hard_reset_ticks`-th tick, or later if the supervisor is not done."""
        self._supervisor = supervisor
        self._hard_reset_ticks = hard_reset_ticks
        self._token = 0
        self._asks = False

    @override
    def needs_help(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> bool:
        self._begin(lease)
        return not self._asks or self._supervisor.needs_help(state_S)

    @override
    def act(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> RobotAction | None:
        self._begin(lease)
        kind, values = ActionKind.HOLD, ()
        if lease.kind is LeaseKind.TELEOPERATE:
            action_A = self._supervisor.act(state_S)
            if action_A is None:
                return None
            self._asks = False
            kind, values = ActionKind.MOVE, tuple(action_A.tolist())
        elif tick - lease.since_tick >= self._hard_reset_ticks - 1 and self._supervisor.has_reset():
            kind = ActionKind.HARD_RESET
        return RobotAction(tick, kind, ActionSource.HUMAN, values, supervisor=lease.supervisor, lease=lease.token)

    def _begin(self, lease: Lease) -> None:
        """Begin an intervention if the lease is a new one."""
        if lease.token != self._token:
            self._token, self._asks = lease.token, lease.is_alarm
            self._supervisor.begin()


def holding(lease: Lease, tick: int) -> RobotAction:
    """Return the action of a human whose robot holds at a tick."""
    return RobotAction(tick, ActionKind.HOLD, ActionSource.HUMAN, supervisor=lease.supervisor, lease=lease.token)
