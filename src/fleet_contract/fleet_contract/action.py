"""One robot's action at one tick, and its kinds and sources; the numbers are those of fleet_interfaces/msg/RobotAction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class ActionKind(IntEnum):
    """What a robot is told to do: A_H of the problem statement (IIFL section 3), and holding."""

    HOLD = 0
    MOVE = 1
    HARD_RESET = 2


class ActionSource(IntEnum):
    """Who decided."""

    NOBODY = 0
    POLICY = 1
    HUMAN = 2


@dataclass(frozen=True)
class RobotAction:
    """An action as it is proposed by policy and humans, and as the gate releases it."""

    tick: int
    kind: ActionKind
    source: ActionSource
    values: tuple[float, ...] = ()
    """(A,) in the contract's units if the robot moves; else empty."""
    policy_version: int = 0
    supervisor: str = ""
    lease: int = 0
    reason: str = ""
    """Why the gate holds the robot."""

    @property
    def shows(self) -> bool:
        """Whether a human moved the robot: D_H of IIFL section 4.2, not the policy's actions, hard resets or holding."""
        return self.source is ActionSource.HUMAN and self.kind is ActionKind.MOVE


def action_of(message: Any) -> RobotAction:
    """What a fleet_interfaces/msg/RobotAction says.

    Raises:
        ValueError: its kind or source is none of the defined ones.
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


def fill_action(message: Any, action: RobotAction) -> None:
    """Write an action into a fleet_interfaces/msg/RobotAction; its header is left alone."""
    message.tick = action.tick
    message.kind = int(action.kind)
    message.source = int(action.source)
    message.values = list(action.values)
    message.policy_version = action.policy_version
    message.supervisor = action.supervisor
    message.lease = action.lease
    message.reason = action.reason
