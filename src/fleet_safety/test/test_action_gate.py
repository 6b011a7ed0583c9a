"""The gate releases only current, permitted, in-range actions of the one who may drive; otherwise the robot holds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_safety.gate import ActionGate

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)
BOUND_M = 0.05
TICK = 7
DRIVING = Lease("robot_01", "human_01", 3, LeaseKind.TELEOPERATE, since_tick=5)
RESETTING = replace(DRIVING, kind=LeaseKind.HARD_RESET)
POLICY = RobotAction(TICK, ActionKind.MOVE, ActionSource.POLICY, (0.01, -0.05), policy_version=2)
HUMAN = RobotAction(TICK, ActionKind.MOVE, ActionSource.HUMAN, (0.05, 0.0), supervisor="human_01", lease=3)
RESET = replace(HUMAN, kind=ActionKind.HARD_RESET, values=())

NUMBERS = (
    st.floats()
    | st.floats(-BOUND_M, BOUND_M)
    | st.sampled_from([BOUND_M, math.nextafter(BOUND_M, 1), math.nan, math.inf])
)
FIELDS = {
    "tick": st.integers(TICK - 2, TICK + 2),
    "kind": st.sampled_from(ActionKind),
    "source": st.sampled_from(ActionSource),
    "values": st.just(()) | st.tuples(NUMBERS, NUMBERS) | st.lists(NUMBERS, max_size=4).map(tuple),
    "policy_version": st.integers(0, 3),
    "supervisor": st.sampled_from(["human_01", "human_02", ""]),
    "lease": st.integers(2, 4),
}


@st.composite
def proposals(draw):
    """Return None, or an action in which some fields may be wrong."""
    base = draw(st.sampled_from([None, POLICY, HUMAN, RESET]))
    changed = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True))
    return base and replace(base, **{name: draw(FIELDS[name]) for name in changed})


def may_pass(action, *, lease, violated) -> bool:
    """Return whether an action is permitted, by an independent statement of the rules."""
    if action is None or action.tick != TICK:
        return False
    if lease is None:
        if violated or action.source != ActionSource.POLICY or action.kind == ActionKind.HARD_RESET:
            return False
    else:
        if action.source != ActionSource.HUMAN or action.supervisor != lease.supervisor or action.lease != lease.token:
            return False
        if action.kind == (ActionKind.MOVE if lease.kind == LeaseKind.HARD_RESET else ActionKind.HARD_RESET):
            return False
    if action.kind == ActionKind.MOVE:
        # Comparisons with NaN are false.
        return len(action.values) == 2 and all(abs(value) <= BOUND_M for value in action.values)
    return len(action.values) == 0


@settings(max_examples=1000)
@given(
    policy=proposals(),
    human=proposals(),
    lease=st.sampled_from([None, DRIVING, RESETTING]),
    violated=st.booleans(),
    stopped=st.booleans(),
)
def test_exactly_the_permitted_actions_are_released(policy, human, lease, violated, stopped):
    gate = ActionGate(CONTRACT)
    if stopped:
        gate.stop()
    released = gate.release(TICK, lease=lease, violated=violated, policy=policy, human=human)
    driver = human if lease else policy
    if not stopped and may_pass(driver, lease=lease, violated=violated):
        assert released is driver
    else:
        assert released.reason
        assert released == RobotAction(TICK, ActionKind.HOLD, ActionSource.NOBODY, reason=released.reason)


OUT = (0.0, math.nextafter(BOUND_M, 1))
REASONS = {
    "emergency stop": {"stopped": True},
    "no human action": {"lease": DRIVING, "human": None},
    "waits for a hard reset": {"violated": True},
    "no policy action": {"policy": None},
    "not permitted to the policy": {"policy": replace(POLICY, kind=ActionKind.HARD_RESET, values=())},
    "action of tick 6": {"policy": replace(POLICY, tick=6)},
    "values without a move": {"policy": replace(POLICY, kind=ActionKind.HOLD)},
    "action of 1 values": {"policy": replace(POLICY, values=(0.0,))},
    "action is not finite": {"policy": replace(POLICY, values=(0.0, math.nan))},
    "action is out of range": {"policy": replace(POLICY, values=OUT)},
    "action without the lease": {"lease": DRIVING, "human": replace(HUMAN, lease=2)},
    "not permitted by the lease": {"lease": RESETTING},
}


@pytest.mark.parametrize(("reason", "situation"), REASONS.items(), ids=REASONS)
def test_a_held_action_has_the_reason(reason, situation):
    situation = {"lease": None, "violated": False, "policy": POLICY, "human": HUMAN} | situation
    gate = ActionGate(CONTRACT)
    if situation.pop("stopped", False):
        gate.stop()
    assert gate.release(TICK, **situation).reason == reason


def test_the_limits_of_the_range_are_permitted():
    for values in ((BOUND_M, -BOUND_M), (-BOUND_M, BOUND_M)):
        action = replace(POLICY, values=values)
        assert ActionGate(CONTRACT).release(TICK, lease=None, violated=False, policy=action, human=None) is action


def test_a_lease_replaces_the_policy_immediately():
    released = ActionGate(CONTRACT).release(TICK, lease=DRIVING, violated=False, policy=POLICY, human=HUMAN)
    assert released is HUMAN


def test_only_the_human_of_a_reset_lease_resets_a_robot():
    gate = ActionGate(CONTRACT)
    assert gate.release(TICK, lease=RESETTING, violated=True, policy=POLICY, human=RESET) is RESET
    for lease in (DRIVING, None, replace(RESETTING, token=4), replace(RESETTING, supervisor="human_02")):
        released = gate.release(TICK, lease=lease, violated=True, policy=POLICY, human=RESET)
        assert released.kind is ActionKind.HOLD


class Stop(RuleBasedStateMachine):
    """Stops and resets in any order and number, while robots would move."""

    def __init__(self):
        super().__init__()
        self.gate = ActionGate(CONTRACT)
        self.latched = False

    @rule()
    def stop(self):
        self.gate.stop()
        self.latched = True

    @rule()
    def reset(self):
        self.gate.reset_stop()
        self.latched = False

    @rule(lease=st.sampled_from([None, DRIVING, RESETTING]), ticks=st.integers(1, 20))
    def drive(self, lease, ticks):
        for tick in range(ticks):
            human = replace(RESET if lease is RESETTING else HUMAN, tick=tick)
            policy = replace(POLICY, tick=tick)
            released = self.gate.release(tick, lease=lease, violated=False, policy=policy, human=human)
            if self.latched:
                assert released == RobotAction(tick, ActionKind.HOLD, ActionSource.NOBODY, reason="emergency stop")
            else:
                assert released is (human if lease else policy)

    @invariant()
    def reports_the_latch(self):
        assert self.gate.stopped == self.latched


TestStop = Stop.TestCase
