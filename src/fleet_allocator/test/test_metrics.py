"""A run of six ticks, counted by hand, and a long one, counted plainly."""

from __future__ import annotations

import numpy as np
from stepping import step

from fleet_allocator.allocator import Allocator
from fleet_allocator.metrics import Metrics
from fleet_contract.fleet import AllocationConfig, numbered
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.lease_table import LeaseTable

ROBOTS, HUMANS = numbered("robot", 3), numbered("human", 2)


def table(*held: str) -> LeaseTable:
    """'1a' is human_01 with robot_01, '2C' human_02 resetting robot_03."""
    leases = tuple(
        Lease(f"robot_{'abc'.index(robot.lower()) + 1:02d}", f"human_0{human}", 1, LeaseKind(robot.isupper()), 0)
        for human, robot in held
    )
    return LeaseTable(0, leases)


def robots(which: str) -> np.ndarray:
    return np.array([name in which for name in "abc"])


def test_a_run_counted_by_hand():
    metrics = Metrics(ROBOTS, HUMANS)
    for held, violated, succeeded in (
        (["1a"], "", "b"),
        (["1A"], "a", ""),
        (["1A", "2B"], "ab", "c"),
        ([], "b", "c"),
        (["1b", "2a"], "", "a"),
        (["1b", "2C"], "c", ""),
    ):
        metrics.add(table(*held), robots(violated), robots(succeeded))
    assert metrics.successes_N.tolist() == [1, 1, 2]
    assert metrics.hard_resets_N.tolist() == [1, 1, 1]
    assert metrics.idle_ticks_N.tolist() == [2, 2, 1]
    assert metrics.teleoperation_ticks_M.tolist() == [3, 1]
    assert metrics.hard_reset_ticks_M.tolist() == [2, 2]
    assert metrics.switches_M.tolist() == [1, 2]
    assert metrics.human_actions == 8


def test_a_violation_right_after_a_reset_is_another_incident():
    metrics = Metrics(ROBOTS, HUMANS)
    for violated in ("a", "a", "", "a"):
        metrics.add(table(), robots(violated), robots(""))
    assert metrics.hard_resets_N.tolist() == [2, 0, 0]
    assert metrics.idle_ticks_N.tolist() == [3, 0, 0]


def test_arguments_are_copied():
    metrics, violated = Metrics(ROBOTS, HUMANS), robots("")
    metrics.add(table(), violated, robots(""))
    violated[:] = True
    metrics.add(table(), violated, robots(""))
    assert metrics.hard_resets_N.tolist() == [1, 1, 1]


def test_human_actions_are_the_squared_frobenius_norm_of_the_assignments():
    one = Allocator(AllocationConfig(threshold=1.0), numbered("robot", 12), numbered("human", 5), seed=0)
    metrics, random, norm, began = Metrics(numbered("robot", 12), numbered("human", 5)), np.random.default_rng(0), 0, {}
    for tick in range(200):
        violated = random.random(12) < 0.1
        leases = step(one, tick, random.exponential(size=12), violated)
        assignment_NM = np.zeros((12, 5))
        for lease in leases.leases:
            human = int(lease.supervisor[-2:]) - 1
            assignment_NM[int(lease.robot[-2:]) - 1, human] = 1
            began.setdefault(human, [lease.robot])
            if began[human][-1] != lease.robot:
                began[human].append(lease.robot)
        norm += np.linalg.norm(assignment_NM, "fro") ** 2
        metrics.add(leases, violated, np.zeros(12, bool))
    assert metrics.human_actions == round(norm)
    assert metrics.switches_M.tolist() == [len(began[human]) - 1 for human in range(5)]
