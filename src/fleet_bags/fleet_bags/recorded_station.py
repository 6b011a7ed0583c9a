"""Repeats what a supervisor did in a recorded run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_contract.action import ActionKind, ActionSource, RobotAction

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from fleet_contract.lease import Lease
    from fleet_contract.lease_table import LeaseTable


class RecordedStation:
    """Sends the recorded action of the same supervisor, robot and tick; where there is none, the robot holds."""

    def __init__(self, actions: Mapping[str, Mapping[int, RobotAction]], leases: Mapping[int, LeaseTable]) -> None:
        """Repeat `actions`, the recorded actions of all supervisors by robot and tick, and the dismissals of `leases` by tick."""
        self._actions = actions
        self._leases = leases

    def needs_help(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> bool:  # noqa: ARG002
        """Return whether the lease's alarm was not dismissed at this tick, as the next table says."""
        after = self._leases.get(tick + 1)
        return not lease.is_alarm or after is None or (lease.robot, lease.signal) not in after.dismissals

    def act(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> RobotAction:  # noqa: ARG002
        """Return the action that the supervisor sent at this tick, with the current lease."""
        recorded = self._actions[lease.robot].get(tick)
        kind, values = ActionKind.HOLD, tuple[float, ...]()
        if recorded and recorded.supervisor == lease.supervisor:
            kind, values = recorded.kind, recorded.values
        return RobotAction(tick, kind, ActionSource.HUMAN, values, supervisor=lease.supervisor, lease=lease.token)
