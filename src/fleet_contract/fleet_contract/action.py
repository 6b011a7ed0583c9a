"""Actions of robots; kinds and sources have the numbers of fleet_interfaces/msg/RobotAction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class ActionKind(IntEnum):
    """Kind of an action: A_H of the problem statement (IIFL section 3), or holding."""

    HOLD = 0
    MOVE = 1
    HARD_RESET = 2


class ActionSource(IntEnum):
    """Source of an action."""

    NOBODY = 0
    POLICY = 1
    HUMAN = 2


@dataclass(frozen=True)
class RobotAction:
    """One robot's action at one tick, as policy or human propose it or as the gate releases it."""

    tick: int
    """Tick of the observation that the action answers."""
    kind: ActionKind
    """What the robot is to do."""
    source: ActionSource
    """Who decided."""
    values: tuple[float, ...] = ()
    """Values (A,) in the contract's units if the robot moves, otherwise empty."""
    policy_version: int = 0
    """Policy version, from 1; 0 unless the source is the policy."""
    supervisor: str = ""
    """Name of the human; empty unless the source is a human."""
    lease: int = 0
    """Token of the human's lease, from 1; 0 unless the source is a human."""
    reason: str = ""
    """Why the gate holds the robot; otherwise empty."""

    @property
    def shows(self) -> bool:
        """Whether a human moved the robot, which makes the action human data: D_H of IIFL section 4.2."""
        return self.source is ActionSource.HUMAN and self.kind is ActionKind.MOVE


def action_of(message: Any) -> RobotAction:
    """Return the action of a fleet_interfaces/msg/RobotAction.

    Raises:
        ValueError: the kind or source is undefined.
    """
    return RobotAction(
        tick=message.tick,
        kind=ActionKind(message.kind),
        source=ActionSource(message.source),
        values=tuple(message.values),
        policy_version=message.policy_version,
        supervisor=message.supervisor,
        lease=message.lease,
        reason=message.reason,
    )


def fill_action(message: Any, action: RobotAction, robot: str, stamp: Any) -> None:
    """Write a robot's action into a fleet_interfaces/msg/RobotAction; `stamp` is that of the observation it answers."""
    message.header.stamp, message.header.frame_id = stamp, f"{robot}/base_link"
    message.tick = action.tick
    message.kind = int(action.kind)
    message.source = int(action.source)
    message.values = list(action.values)
    message.policy_version = action.policy_version
    message.supervisor = action.supervisor
    message.lease = action.lease
    message.reason = action.reason
