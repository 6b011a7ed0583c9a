"""What is shown of a tick, whatever order its messages come in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.driving import Driver
from fleet_contract.lease import Lease, LeaseKind
from fleet_views.gathering import KEPT, Gathering

ROBOTS = ("robot_01", "robot_02")


def action(tick, source=ActionSource.POLICY, **more):
    return RobotAction(tick, ActionKind.MOVE, source, (0.01, 0.0), **more)


def said(tick):
    """Everything about a tick, as calls."""
    lease = Lease("robot_02", "human_01", 1, LeaseKind.TELEOPERATE, tick)
    return [
        *(lambda to, r=robot: to.add_status(r, tick, violated=r == "robot_01", unreachable="") for robot in ROBOTS),
        *(lambda to, r=robot: to.add_state(r, tick, np.array([float(tick)])) for robot in ROBOTS),
        lambda to: to.add_report(tick, dict.fromkeys(ROBOTS, 0.1 * tick)),
        lambda to: to.add_leases(tick, [lease], ["robot_01"], 0.25),
        lambda to: to.add_action("robot_01", action(tick, policy_version=2)),
        lambda to: to.add_action("robot_02", action(tick, ActionSource.HUMAN, supervisor="human_01")),
    ]


def shown(ticks):
    gathering = Gathering(ROBOTS)
    for call in (call for tick in ticks for call in said(tick)):
        call(gathering)
    return gathering


@given(st.permutations(said(3)))
def test_the_order_of_what_is_said_makes_no_difference(calls):
    gathering = Gathering(ROBOTS)
    for call in calls:
        call(gathering)
    assert gathering.complete
    one, two = gathering.show()
    assert (one.driver, one.violated, one.waiting, one.lease) == (Driver.POLICY, True, True, None)
    assert (two.driver, two.violated, two.waiting, two.supervisor) == (Driver.HUMAN, False, False, "human_01")
    for moment in (one, two):
        assert (moment.state_S.tolist(), moment.uncertainty, moment.threshold) == ([3.0], pytest.approx(0.3), 0.25)


def test_a_tick_is_complete_once():
    gathering = shown([0])
    assert gathering.complete
    gathering.show()
    assert not gathering.complete
    assert not gathering.changed
    for call in said(1)[:-1]:
        call(gathering)
    assert not gathering.complete
    assert gathering.changed
    said(1)[-1](gathering)
    assert gathering.complete


def test_what_begins_is_not_shown_before_what_is_complete():
    gathering = shown([4])
    said(5)[2](gathering)
    one, _ = gathering.show()
    assert one.state_S.tolist() == [4.0]
    one, two = gathering.show()
    assert (one.state_S.tolist(), two.state_S.tolist()) == ([5.0], [4.0])
    assert one.action is None
    assert one.uncertainty == pytest.approx(0.4)
    assert one.waiting
    assert one.driver is Driver.POLICY
    assert two.driver is Driver.HUMAN


def test_a_human_who_is_asked_has_the_robot_before_they_act():
    gathering = shown([0])
    gathering.show()
    gathering.add_leases(1, [Lease("robot_01", "human_01", 2, LeaseKind.TELEOPERATE, 1)], [], 0.25)
    one, two = gathering.show()
    assert (one.driver, one.supervisor, one.action) == (Driver.HUMAN, "human_01", None)
    assert (two.driver, two.supervisor) == (Driver.NOBODY, "")
    gathering.add_leases(1, [Lease("robot_01", "human_01", 2, LeaseKind.HARD_RESET, 1)], [], 0.25)
    assert gathering.show()[0].driver is Driver.RESET


def test_a_robot_that_gets_lost_between_two_ticks_is_shown_so():
    gathering = shown([7])
    gathering.show()
    gathering.add_status("robot_02", 7, violated=False, unreachable="link lost")
    assert gathering.changed
    assert [moment.unreachable for moment in gathering.show()] == ["", "link lost"]


def test_nothing_is_shown_before_anything_is_said():
    assert Gathering(ROBOTS).show() is None


def test_only_the_newest_ticks_are_kept():
    gathering = shown(range(100))
    assert len(gathering._ticks) <= KEPT
    said(3)[0](gathering)
    assert gathering.show()[0].state_S.tolist() == [99.0]
    assert len(gathering._ticks) <= KEPT
