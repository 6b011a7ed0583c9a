"""The action gate, which decides who may move a robot now. A robot without a current, permitted, in-range action holds."""

from __future__ import annotations

import math

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.robot import RobotContract


class ActionGate:
    """Releases one action per robot and tick: that of the lease's human, that of the policy, or holding.

    An emergency stop is latched until it is reset.
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
        """Reset the emergency stop: robots may move again."""
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
        """Return the robot's action at a tick.

        Args:
            tick: Tick of the robot.
            lease: Lease of the robot at this tick, or None if no human has it.
            violated: Whether the robot is in constraint violation.
            policy: Newest action that the policy has proposed, or None.
            human: Newest action that a human has proposed, or None.
            unreachable: Why the robot is unreachable; empty if it is reachable.
        """
        if self._stopped:
            return _hold(tick, "emergency stop")
        if unreachable:
            return _hold(tick, f"unreachable: {unreachable}")
        if lease is not None:
            return (
                self._checked(tick, human, _human_objection(lease, human)) if human else _hold(tick, "no human action")
            )
        if violated:
            return _hold(tick, "waits for a hard reset")
        if policy is None:
            return _hold(tick, "no policy action")
        foreign = policy.source is not ActionSource.POLICY or policy.kind is ActionKind.HARD_RESET
        return self._checked(tick, policy, "not permitted to the policy" if foreign else "")

    def _checked(self, tick: int, action: RobotAction, objection: str) -> RobotAction:
        objection = objection or self._fault(tick, action)
        return _hold(tick, objection) if objection else action

    def _fault(self, tick: int, action: RobotAction) -> str:
        """Return what is wrong with an action, whoever proposed it; empty if nothing is."""
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


def _human_objection(lease: Lease, action: RobotAction) -> str:
    """Return why a human's action is not permitted by the lease; empty if it is."""
    if action.source is not ActionSource.HUMAN or (action.supervisor, action.lease) != (lease.supervisor, lease.token):
        return "action without the lease"
    permitted = {
        LeaseKind.TELEOPERATE: (ActionKind.HOLD, ActionKind.MOVE),
        LeaseKind.HARD_RESET: (ActionKind.HOLD, ActionKind.HARD_RESET),
    }[lease.kind]
    return "" if action.kind in permitted else "not permitted by the lease"


def _hold(tick: int, reason: str) -> RobotAction:
    return RobotAction(tick=tick, kind=ActionKind.HOLD, source=ActionSource.NOBODY, reason=reason)
