"""Replayed robots and humans repeat what they did, and decisions are compared with the recorded ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from old_run_bag import RunOfVersion010
from run_bag import MadeUpRun

from fleet_bags.comparison import compare
from fleet_bags.recorded_driver import RecordedDriver
from fleet_bags.recorded_station import RecordedStation
from fleet_bags.recording import read_recording
from fleet_contract.action import ActionKind
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.lease_table import Dismissal, LeaseTable
from robot_driver.robot_counters import RobotCounters

RUN = MadeUpRun()
HOLDS_N = np.full(2, ActionKind.HOLD, dtype=np.int64)
NOTHING_NA = np.zeros((2, 2))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return read_recording(RUN.write(tmp_path_factory.mktemp("run")))


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_robots_repeat_their_observations_whatever_the_actions_are(recording):
    driver, tally = RecordedDriver(recording, Clock()), RobotCounters(2)
    driver.start(9)
    for tick in range(12):
        step = driver.observed()
        np.testing.assert_array_equal(step.states_NS, [RUN.state(robot, tick) for robot in range(2)])
        np.testing.assert_array_equal(driver.images(), [RUN.image(robot, tick) for robot in range(2)])
        assert step.succeeded_N.tolist() == [tick == 5] * 2
        if tick:
            tally.add(step)
        assert tally.episodes_N.tolist() == [RUN.episode(tick)] * 2
        assert driver.unreachable() == ("", "")
        driver.begin(HOLDS_N, NOTHING_NA)
    assert driver.unreachable() == ("", ""), "at the last tick robots rest"
    assert driver.video(0).shape == (480, 480, 3)


def test_ticks_follow_the_replay_speed(recording):
    clock = Clock()
    driver = RecordedDriver(recording, clock, speed=4.0)
    assert driver.observed() is not None
    driver.begin(HOLDS_N, NOTHING_NA)
    assert driver.observed() is None
    clock.now_s += 0.2499
    assert driver.observed() is None
    clock.now_s += 0.0002
    assert driver.observed() is not None


def test_a_robot_whose_image_was_lost_is_unreachable_at_that_tick(tmp_path):
    def lose(messages):
        return [m for m in messages if not (m.topic == "/robot_02/camera/image_raw" and m.time_ns // 10**9 == 103)]

    driver = RecordedDriver(read_recording(RUN.write(tmp_path, lose)), Clock())
    unreachable = []
    for _ in range(5):
        unreachable.append(driver.unreachable())
        driver.begin(HOLDS_N, NOTHING_NA)
    assert unreachable == [("", "")] * 3 + [("", "was not recorded"), ("", "")]


def test_a_bag_of_version_0_1_0_is_replayed(tmp_path):
    def lose_robot_02(messages):
        for message in messages:
            if message.topic == "/robot_02/status" and message.fields["tick"] == 3:
                message.fields["absent"] = "link lost"
        return messages

    driver = RecordedDriver(read_recording(RunOfVersion010().write(tmp_path, lose_robot_02)), Clock())
    unreachable = []
    for tick in range(5):
        unreachable.append(driver.unreachable())
        np.testing.assert_array_equal(driver.observed().states_NS[0], RUN.state(0, tick))
        driver.begin(HOLDS_N, NOTHING_NA)
    assert unreachable == [("", "")] * 3 + [("", "link lost"), ("", "")]


@pytest.mark.parametrize("kinds_N", [HOLDS_N[:1], HOLDS_N + 9])
def test_invalid_actions_are_refused(recording, kinds_N):
    with pytest.raises(ValueError, match=r"shape|kinds|allowed"):
        RecordedDriver(recording, Clock()).begin(kinds_N, NOTHING_NA)


def test_humans_repeat_their_actions_and_hold_elsewhere(recording):
    station = RecordedStation(
        dict(zip(recording.metadata.robots, recording.human_actions_N, strict=True)), recording.leases
    )
    lease = Lease("robot_01", "human_01", 31, LeaseKind.TELEOPERATE, 4)
    action = station.act(lease, 5, np.zeros(6))
    assert (action.kind, action.lease, action.supervisor) == (ActionKind.MOVE, 31, "human_01")
    np.testing.assert_array_equal(action.values, RUN.action(0, 5) + 0.01)
    for other, tick in ((lease, 8), (replace(lease, robot="robot_02"), 5), (replace(lease, supervisor="human_02"), 5)):
        assert station.act(other, tick, np.zeros(6)).kind is ActionKind.HOLD


def test_humans_repeat_their_dismissals():
    station = RecordedStation({}, {6: LeaseTable(6, dismissals=(Dismissal("robot_01", "failure"),))})
    lease = Lease("robot_01", "human_01", 31, LeaseKind.TELEOPERATE, 4, "failure", 1.4, 1.0)
    asked = [
        (lease, 4),
        (lease, 5),
        (lease, 6),
        (replace(lease, signal="novelty"), 5),
        (replace(lease, robot="robot_02"), 5),
    ]
    assert [station.needs_help(*about, np.zeros(6)) for about in asked] == [True, False, True, True, True]


@pytest.mark.parametrize("again", [MadeUpRun, RunOfVersion010])
def test_identical_recordings_agree(recording, again, tmp_path):
    """One may be of version 0.1.0."""
    comparison = compare(recording, read_recording(again().write(tmp_path)))
    assert comparison.same
    assert {name: agreement.equal for name, agreement in comparison.parts.items()} == {
        "actions": 24,
        "uncertainties": 24,
        "leases": 12,
    }


def test_another_threshold_is_another_lease_table(recording):
    other = {tick: replace(table, thresholds={"uncertainty": 0.75}) for tick, table in recording.leases.items()}
    comparison = compare(recording, replace(recording, leases=other))
    assert (comparison.leases.equal, comparison.leases.compared) == (0, 12)
    assert comparison.leases.largest_difference == 0.25


def test_differences_are_counted_by_kind(recording):
    first = recording.proposed_N[0]
    nudged = {**first, 3: replace(first[3], values=(first[3].values[0] + 2.0**-40, first[3].values[1]))}
    late = {tick: table for tick, table in recording.leases.items() if tick < 10}
    stolen = {**late, 5: replace(late[5], leases=(replace(late[5].leases[0], supervisor="human_09"),))}
    comparison = compare(recording, replace(recording, proposed_N=(nudged, recording.proposed_N[1]), leases=stolen))
    assert not comparison.same
    assert (comparison.actions.equal, comparison.actions.missing) == (23, 0)
    assert comparison.actions.largest_difference == pytest.approx(2.0**-40)
    assert (comparison.leases.equal, comparison.leases.compared, comparison.leases.missing) == (9, 10, 2)
    assert comparison.uncertainties.equal == 24
