"""Checks that a station turns decisions under a lease into actions, and ends a hard reset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.lease import Lease, LeaseKind
from teleop_gui.station import Station

STATE = np.zeros(6)


class CountingSupervisor:
    """A supervisor that counts its interventions and actions."""

    def __init__(self) -> None:
        self.begun = self.acted = 0
        self.ready = True

    def begin(self) -> None:
        self.begun += 1
        self.acted = 0

    def act(self, state_S):
        self.acted += 1
        return np.array([self.begun, self.acted]) * 1e-3

    def has_reset(self) -> bool:
        return self.ready


class HesitantSupervisor(CountingSupervisor):
    """A supervisor that decides when it is asked for the third time."""

    def act(self, state_S):
        values_A = super().act(state_S)
        return values_A if self.acted >= 3 else None


def test_every_lease_begins_a_new_intervention() -> None:
    station = Station(CountingSupervisor(), hard_reset_ticks=5)
    leases = [Lease("robot_01", "human_01", token, LeaseKind.TELEOPERATE, 10 * token) for token in (1, 2)]
    actions = [station.act(lease, lease.since_tick + tick, STATE) for lease in leases for tick in range(3)]
    assert [action.values for action in actions] == [
        (pytest.approx(begun * 1e-3), pytest.approx(acted * 1e-3)) for begun in (1, 2) for acted in (1, 2, 3)
    ]
    assert {(a.kind, a.source, a.supervisor) for a in actions} == {(ActionKind.MOVE, ActionSource.HUMAN, "human_01")}
    assert [action.lease for action in actions] == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("ticks", [1, 3, 5])
def test_a_hard_reset_ends_at_its_last_tick(ticks: int) -> None:
    station = Station(CountingSupervisor(), hard_reset_ticks=ticks)
    lease = Lease("robot_01", "human_01", 7, LeaseKind.HARD_RESET, 40)
    actions = [station.act(lease, 40 + tick, STATE) for tick in range(ticks + 1)]
    assert [action.kind for action in actions[:-1]] == [ActionKind.HOLD] * (ticks - 1) + [ActionKind.HARD_RESET]
    assert actions[-1].kind is ActionKind.HARD_RESET, "it is repeated, in case it was lost"
    assert all(action.values == () for action in actions)


def test_a_hard_reset_ends_only_after_the_human_has_confirmed_it() -> None:
    human = CountingSupervisor()
    human.ready = False
    station = Station(human, hard_reset_ticks=2)
    lease = Lease("robot_01", "human_01", 7, LeaseKind.HARD_RESET, 40)
    assert [station.act(lease, 40 + tick, STATE).kind for tick in range(4)] == [ActionKind.HOLD] * 4
    human.ready = True
    assert station.act(lease, 44, STATE).kind is ActionKind.HARD_RESET


class DoubtfulSupervisor(HesitantSupervisor):
    """A supervisor that counts how often it is asked whether the robot needs help, and what it answers."""

    def __init__(self, *answers: bool) -> None:
        super().__init__()
        self.answers, self.asked = answers, 0

    def needs_help(self, state_S) -> bool:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


ALARM = Lease("robot_01", "human_01", 1, LeaseKind.TELEOPERATE, 3, "failure", 1.4, 1.0)


def test_a_supervisor_is_asked_about_an_alarm_until_they_act() -> None:
    supervisor = DoubtfulSupervisor(True)
    station = Station(supervisor, hard_reset_ticks=5)
    for tick in range(3, 9):
        assert station.needs_help(ALARM, tick, STATE)
        assert (station.act(ALARM, tick, STATE) is None) == (tick < 5)
    assert (supervisor.asked, supervisor.begun) == (3, 1)
    station.needs_help(replace(ALARM, token=2), 9, STATE)
    assert (supervisor.asked, supervisor.begun) == (4, 2)


def test_an_alarm_is_dismissed_before_the_supervisor_has_acted() -> None:
    station = Station(DoubtfulSupervisor(True, False), hard_reset_ticks=5)
    assert station.needs_help(ALARM, 3, STATE)
    assert station.act(ALARM, 3, STATE) is None
    assert not station.needs_help(ALARM, 4, STATE)


@pytest.mark.parametrize("changes", [{"signal": ""}, {"kind": LeaseKind.HARD_RESET}])
def test_there_is_no_question_without_an_alarm(changes) -> None:
    supervisor = DoubtfulSupervisor(False)
    assert Station(supervisor, hard_reset_ticks=5).needs_help(replace(ALARM, **changes), 3, STATE)
    assert supervisor.asked == 0


def test_there_is_no_action_while_the_human_has_not_decided() -> None:
    station, lease = (
        Station(HesitantSupervisor(), hard_reset_ticks=5),
        Lease("robot_01", "human_01", 1, LeaseKind.TELEOPERATE, 3),
    )
    answers = [station.act(lease, 3, STATE) for _ in range(3)]
    assert answers[:2] == [None, None]
    assert answers[2].values == (1e-3, 3e-3)
