"""Checks the snapshots of a tick, in whatever order its messages arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.driving import Driver
from fleet_contract.lease import Lease, LeaseKind
from fleet_views.tick_collector import STORED_TICKS, TickCollector

ROBOTS = ("robot_01", "robot_02")


def action(tick, source=ActionSource.POLICY, **more):
    return RobotAction(tick, ActionKind.MOVE, source, (0.01, 0.0), **more)


def messages(tick):
    """Return all messages of a tick, as calls."""
    lease = Lease("robot_02", "human_01", 1, LeaseKind.TELEOPERATE, tick)
    return [
        *(
            lambda target, r=robot: target.add_status(r, tick, violated=r == "robot_01", unreachable="")
            for robot in ROBOTS
        ),
        *(lambda target, r=robot: target.add_state(r, tick, np.array([float(tick)])) for robot in ROBOTS),
        lambda target: target.add_uncertainties(tick, dict.fromkeys(ROBOTS, 0.1 * tick)),
        lambda target: target.add_leases(tick, [lease], ["robot_01"], 0.25),
        lambda target: target.add_action("robot_01", action(tick, policy_version=2)),
        lambda target: target.add_action("robot_02", action(tick, ActionSource.HUMAN, supervisor="human_01")),
    ]


def collected(ticks):
    collector = TickCollector(ROBOTS)
    for call in (call for tick in ticks for call in messages(tick)):
        call(collector)
    return collector


@given(st.permutations(messages(3)))
def test_the_order_of_messages_makes_no_difference(calls):
    collector = TickCollector(ROBOTS)
    for call in calls:
        call(collector)
    assert collector.complete
    one, two = collector.snapshots()
    assert (one.driver, one.violated, one.waiting, one.lease) == (Driver.POLICY, True, True, None)
    assert (two.driver, two.violated, two.waiting, two.supervisor) == (Driver.HUMAN, False, False, "human_01")
    for snapshot in (one, two):
        assert (snapshot.state_S.tolist(), snapshot.uncertainty, snapshot.threshold) == (
            [3.0],
            pytest.approx(0.3),
            0.25,
        )


def test_a_tick_is_complete_once():
    collector = collected([0])
    assert collector.complete
    collector.snapshots()
    assert not collector.complete
    assert not collector.changed
    for call in messages(1)[:-1]:
        call(collector)
    assert not collector.complete
    assert collector.changed
    messages(1)[-1](collector)
    assert collector.complete


def test_a_complete_tick_precedes_a_newer_incomplete_one():
    collector = collected([4])
    messages(5)[2](collector)
    one, _ = collector.snapshots()
    assert one.state_S.tolist() == [4.0]
    one, two = collector.snapshots()
    assert (one.state_S.tolist(), two.state_S.tolist()) == ([5.0], [4.0])
    assert one.action is None
    assert one.uncertainty == pytest.approx(0.4)
    assert one.waiting
    assert one.driver is Driver.POLICY
    assert two.driver is Driver.HUMAN


def test_a_human_with_a_lease_drives_before_they_act():
    collector = collected([0])
    collector.snapshots()
    collector.add_leases(1, [Lease("robot_01", "human_01", 2, LeaseKind.TELEOPERATE, 1)], [], 0.25)
    one, two = collector.snapshots()
    assert (one.driver, one.supervisor, one.action) == (Driver.HUMAN, "human_01", None)
    assert (two.driver, two.supervisor) == (Driver.NOBODY, "")
    collector.add_leases(1, [Lease("robot_01", "human_01", 2, LeaseKind.HARD_RESET, 1)], [], 0.25)
    assert collector.snapshots()[0].driver is Driver.RESET


def test_a_robot_that_becomes_unreachable_between_two_ticks_is_marked():
    collector = collected([7])
    collector.snapshots()
    collector.add_status("robot_02", 7, violated=False, unreachable="link lost")
    assert collector.changed
    assert [snapshot.unreachable for snapshot in collector.snapshots()] == ["", "link lost"]


def test_there_are_no_snapshots_before_the_first_message():
    assert TickCollector(ROBOTS).snapshots() is None


def test_only_the_newest_ticks_are_stored():
    collector = collected(range(100))
    assert len(collector._ticks) <= STORED_TICKS
    messages(3)[0](collector)
    assert collector.snapshots()[0].state_S.tolist() == [99.0]
    assert len(collector._ticks) <= STORED_TICKS
