"""The action gate: who may move this robot now. A robot without a fresh, permitted, in-range action holds."""

from __future__ import annotations

import math

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.robot import RobotContract


class ActionGate:
    """Releases one action per robot and tick: the lease holder's, the policy's, or holding.

    An emergency stop is latched: it stays until it is reset explicitly.
    """

    def __init__(self, contract: RobotContract) -> None:
        self._low = contract.action_low_A.tolist()
        self._high = contract.action_high_A.tolist()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the emergency stop is latched."""
        return self._stopped

    def stop(self) -> None:
        """Latch the emergency stop: every robot holds."""
        self._stopped = True

    def reset_stop(self) -> None:
        """Let robots move again."""
        self._stopped = False

    def release(
        self,
        tick: int,
        *,
        lease: Lease | None,
        violated: bool,
        policy: RobotAction | None,
        human: RobotAction | None,
        unreachable: str = "",
    ) -> RobotAction:
        """The action that the robot gets at this tick.

        Args:
            tick: the fleet's tick.
            lease: the robot's lease at this tick, if a human holds it.
            violated: the robot is in constraint violation.
            policy: the policy's proposal, if it has come.
            human: the supervisor's proposal, if it has come.
            unreachable: why the robot cannot be reached; empty if it is there.
        """
        if self._stopped:
            return _hold(tick, "emergency stop")
        if unreachable:
            return _hold(tick, f"unreachable: {unreachable}")
        if lease is not None:
            return self._checked(tick, human, _why_not_human(lease, human)) if human else _hold(tick, "no human action")
        if violated:
            return _hold(tick, "waits for a hard reset")
        if policy is None:
            return _hold(tick, "no policy action")
        foreign = policy.source is not ActionSource.POLICY or policy.kind is ActionKind.HARD_RESET
        return self._checked(tick, policy, "not the policy's to give" if foreign else "")

    def _checked(self, tick: int, action: RobotAction, objection: str) -> RobotAction:
        objection = objection or self._fault(tick, action)
        return _hold(tick, objection) if objection else action

    def _fault(self, tick: int, action: RobotAction) -> str:
        if action.tick != tick:
            return f"action of tick {action.tick}"
        if action.kind is not ActionKind.MOVE:
            return "values without a move" if action.values else ""
        if len(action.values) != len(self._low):
            return f"action of {len(action.values)} values"
        if not all(math.isfinite(value) for value in action.values):
            return "action is not finite"
        if not all(low <= value <= high for low, value, high in zip(self._low, action.values, self._high, strict=True)):
            return "action is out of range"
        return ""


def _why_not_human(lease: Lease, action: RobotAction) -> str:
    if action.source is not ActionSource.HUMAN or (action.supervisor, action.lease) != (lease.supervisor, lease.token):
        return "action without the lease"
    allowed = {
        LeaseKind.TELEOPERATE: (ActionKind.HOLD, ActionKind.MOVE),
        LeaseKind.HARD_RESET: (ActionKind.HOLD, ActionKind.HARD_RESET),
    }[lease.kind]
    return "" if action.kind in allowed else "not what the lease is for"


def _hold(tick: int, reason: str) -> RobotAction:
    return RobotAction(tick=tick, kind=ActionKind.HOLD, source=ActionSource.NOBODY, reason=reason)
