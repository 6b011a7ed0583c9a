"""A fleet whose humans are sent by predicted risk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.fleet import AllocationConfig, numbered
from fleet_contract.lease import LeaseKind
from fleet_contract.robot import RobotContract
from fleet_contract.signal import RISK
from fleet_contract.validation import read_yaml
from fleet_learning.full_decider import FullDecider
from fleet_learning.policy import Decision
from fleet_supervisors.navigation import NavigationSupervisor
from fleet_supervisors.supervisors import make_supervisor
from fleet_training.fleet_loop import FleetLoop
from iifl_policy.risk_signal import RiskSignal
from sim_bridge.backends import make_environment

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/pointbot.yaml", RobotContract)
ROBOTS, TICKS = 8, 30
NAMES = numbered("robot", ROBOTS)
HUMANS = numbered("human", 2)
STILL = np.zeros((ROBOTS, 2))
APART = np.stack([np.linspace(0.1, 1.0, ROBOTS), np.linspace(-1.0, 1.0, ROBOTS)], 1)
"""Ways for all robots; some end at walls, and not at the same time."""
UNSURE = 4
"""The robot that the policy is unsure about."""
RISKY = ((3, 5), (2, 4))
"""The riskiest robot and the second, in the first and in the second half of the ticks."""


@dataclass
class Driver:
    """A policy that drives every robot its own way."""

    actions_NA: np.ndarray
    observes: str = "state"

    def decide(self, states_NS, generator) -> Decision:
        return Decision(self.actions_NA, np.where(np.arange(ROBOTS) == UNSURE, 2.0, 0.5), np.zeros(ROBOTS))


@dataclass
class Oracle:
    """A critic that knows who is risky when, and remembers what it was asked."""

    asked: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def risks(self, states_NS, actions_NA) -> np.ndarray:
        risks = np.full(ROBOTS, 0.1)
        risks[list(risky_at(len(self.asked)))] = [0.9, 0.8]
        self.asked.append((states_NS, actions_NA))
        return risks


def risky_at(tick) -> tuple[int, int]:
    return RISKY[tick >= TICKS // 2]


def loop_of(order, critic=None, actions=STILL) -> FleetLoop:
    environment = make_environment("numpy", "navigation", CONTRACT, ROBOTS)
    supervisors = {
        name: make_supervisor("navigation", "either", CONTRACT, 0, index) for index, name in enumerate(HUMANS)
    }
    allocation = AllocationConfig(order=order, threshold=1.0, intervention_ticks=1, hard_reset_ticks=2)
    providers = [RiskSignal(critic, threshold=0.5)] if critic else []
    return FleetLoop(environment, supervisors, FullDecider(Driver(actions)), allocation, 0, providers)


def run(order, critic=None, actions=STILL):
    loop = loop_of(order, critic, actions)
    return [loop.tick() for _ in range(TICKS)]


def helped(tick) -> set[int]:
    return {NAMES.index(lease.robot) for lease in tick.table.leases}


def test_order_r_sends_the_humans_to_the_risky_robots():
    for number, tick in enumerate(run("R", Oracle())):
        assert helped(tick) == set(risky_at(number))
        assert {lease.kind for lease in tick.table.leases} == {LeaseKind.TELEOPERATE}
        assert tick.table.waiting == ()


def test_order_td_weighs_risk_and_uncertainty():
    for number, tick in enumerate(run("TD", Oracle())):
        riskiest, second = risky_at(number)
        assert helped(tick) == {UNSURE, riskiest}
        assert tick.table.waiting == tuple(NAMES[robot] for robot in {second} - {UNSURE})


def test_order_cur_sends_the_humans_for_hard_resets_then_to_the_unsure_then_to_the_risky():
    ticks = run("CUR", Oracle(), APART)
    for number, tick in enumerate(ticks):
        violated = set(np.flatnonzero(tick.violated_N).tolist())
        if len(violated) >= len(HUMANS):
            assert helped(tick) <= violated
            assert len(tick.table.leases) == len(HUMANS)
        else:
            others = [robot for robot in (UNSURE, *risky_at(number)) if robot not in violated]
            assert helped(tick) == violated | set(others[: len(HUMANS) - len(violated)])
    assert {0, 1, 2} <= {tick.violated_N.sum() for tick in ticks}


@pytest.mark.parametrize("order", ["R", "CUR", "TD"])
def test_the_critic_is_asked_about_what_the_policy_would_do(order):
    critic = Oracle()
    ticks = run(order, critic, APART)
    assert len(critic.asked) == TICKS
    again = Oracle()
    for tick, (states_NS, actions_NA) in zip(ticks, critic.asked, strict=True):
        np.testing.assert_array_equal(states_NS, tick.states_NS)
        np.testing.assert_array_equal(actions_NA, APART)
        np.testing.assert_array_equal(tick.signals[RISK], again.risks(states_NS, actions_NA))


def test_robots_whose_alarm_is_dismissed_hold_for_a_tick_and_are_driven_by_the_policy(monkeypatch):
    monkeypatch.setattr(NavigationSupervisor, "needs_help", lambda supervisor, state_S: False)
    ticks = run("R", Oracle())
    for number, tick in enumerate(ticks):
        begins = number in {0, TICKS // 2}
        assert helped(tick) == (set(risky_at(number)) if begins else set())
        for robot, action in enumerate(tick.actions):
            dismissed = robot in helped(tick)
            assert action.source is (ActionSource.HUMAN if dismissed else ActionSource.POLICY)
            assert action.kind is (ActionKind.HOLD if dismissed else ActionKind.MOVE)
        robots = {NAMES.index(dismissal.robot) for dismissal in tick.table.dismissals}
        assert robots == (helped(ticks[number - 1]) if number else set())


@pytest.mark.parametrize("order", ["R", "CUR", "TD"])
def test_a_missing_critic_is_refused(order):
    with pytest.raises(ValueError, match=r"allocation.order: expected signals of this fleet, got risk"):
        loop_of(order)


def test_where_risk_is_no_matter_a_critic_changes_nothing():
    with_critic, without = run("UC", Oracle(), APART), run("UC", None, APART)
    assert [tick.table for tick in with_critic] == [tick.table for tick in without]
    assert all(RISK in tick.signals for tick in with_critic)
    assert not any(RISK in tick.signals for tick in without)
