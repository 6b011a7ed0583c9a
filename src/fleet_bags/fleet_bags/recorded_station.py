"""A human's place of work in a run that is replayed: what they did then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_contract.action import ActionKind, ActionSource, RobotAction

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from fleet_contract.lease import Lease


class RecordedStation:
    """Repeats what a human did with the robot at that tick; with a robot that was not theirs then, they do nothing."""

    def __init__(self, taught: Mapping[str, Mapping[int, RobotAction]]) -> None:
        """`taught` is what humans did, by robot and tick."""
        self._taught = taught

    def act(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> RobotAction:  # noqa: ARG002
        """What the robot was told at this tick, on the human's behalf."""
        then = self._taught[lease.robot].get(tick)
        kind, values = (
            (then.kind, then.values) if then and then.supervisor == lease.supervisor else (ActionKind.HOLD, ())
        )
        return RobotAction(tick, kind, ActionSource.HUMAN, values, supervisor=lease.supervisor, lease=lease.token)
