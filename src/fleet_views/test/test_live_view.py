"""The console's view says who drives, who is where, and who waits."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from fleet_common.health import Check, Level
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.driving import Driver
from fleet_contract.fleet import read_fleet
from fleet_contract.lease import Lease, LeaseKind
from fleet_views.history import WINDOW_TICKS, History
from fleet_views.live_view import MOST_TROUBLES, line, training_of, view

CONFIG = Path(__file__).parents[3] / "launch/config"


@pytest.fixture
def history() -> History:
    fleet = read_fleet(CONFIG / "block_push.yaml")
    fleet = fleet.model_copy(update={"allocation": fleet.allocation.with_threshold("uncertainty", 1.0)})
    history = History(fleet)
    one, two, three, four = fleet.robot_names
    history.add_status(one, 0, successes=0, hard_resets=0)
    history.add_uncertainties(0, 1, {one: 0.5, two: 2.0, three: 0.1, four: 3.0})
    leases = (Lease(two, "human_01", 1, LeaseKind.TELEOPERATE, 0), Lease(three, "human_02", 2, LeaseKind.HARD_RESET, 0))
    history.add_leases(0, leases, (four,))
    move = {"tick": 0, "kind": ActionKind.MOVE, "values": (0.0, 0.0)}
    history.add_action(one, RobotAction(source=ActionSource.POLICY, policy_version=1, **move))
    history.add_action(two, RobotAction(source=ActionSource.HUMAN, supervisor="human_01", lease=1, **move))
    history.add_action(three, RobotAction(0, ActionKind.HOLD, ActionSource.HUMAN, supervisor="human_02", lease=2))
    history.add_action(four, RobotAction(0, ActionKind.HOLD, ActionSource.NOBODY, reason="no policy action"))
    for robot in fleet.robot_names:
        history.add_status(robot, 1, successes=1, hard_resets=0)
    return history


def test_drivers(history: History) -> None:
    drivers = [history.at(0).driver(robot) for robot in history.fleet.robot_names]
    assert drivers == [Driver.POLICY, Driver.HUMAN, Driver.RESET, Driver.NOBODY]
    assert (history.ticks, history.human_actions, history.versions) == (1, 2, [1])
    assert history.rohe == pytest.approx((2 / 4) * (4 / 4) / (1 + 2))


def test_live_view(history: History) -> None:
    troubles = [
        Check("/Fleet/block_push/gate: emergency stop", Level.ERROR, "latched:\nevery robot holds"),
        *(Check(f"/Fleet/robot_{n:02d}/bridge: robot_{n:02d} presence", Level.STALE, "x" * 200) for n in range(1, 12)),
    ]
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(view(history, troubles, ticks=9, rate_hz=2.0))
        shown = console.export_text()
    rows = {words[1]: row for row in shown.splitlines() if (words := row.split()) and len(words) > 1}
    assert "policy" in rows["robot_01"]
    assert "human_01" in rows["robot_02"]
    assert "human_02 (reset)" in rows["robot_03"]
    assert "no policy action" in rows["robot_04"]
    assert "robot_03 (reset)" in rows["human_02"]
    assert "waiting for a human: robot_04" in shown
    assert "ERROR  gate: emergency stop: latched: every robot holds" in shown
    lines = [line for line in shown.splitlines() if line.startswith("STALE")]
    assert (len(lines), {len(line) for line in lines}) == (MOST_TROUBLES - 1, {120}), "a line each, and no more"
    assert "and 2 more" in shown
    assert "tick 1 of 9" in shown


def test_one_line(history: History) -> None:
    said = line(history, ticks=9, rate_hz=2.0)
    assert "tick 1 of 9" in said
    assert "1 nobody, 1 policy, 1 human, 1 reset" in said
    assert "successes 4" in said


def test_a_training_is_shown_with_its_progress(history: History) -> None:
    idle = Check("/Fleet/block_push/trainer: training", Level.OK, "idle until tick 50", {"pairs": 3.0})
    running = Check(idle.name, Level.OK, "version 2: step 40 of 150, 22 s left", {"step": 40.0})
    other = Check("/Fleet/block_push/gate: step", Level.OK, "fine", {"step": 1.0})
    assert training_of([other, idle]) == ""
    training = training_of([other, running])
    assert "training version 2: step 40 of 150, 22 s left" in line(history, ticks=9, rate_hz=2.0, training=training)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(view(history, (), ticks=9, rate_hz=2.0, training=training))
    assert "training version 2: step 40 of 150, 22 s left" in console.export_text()
    assert "training" not in line(history, ticks=9, rate_hz=2.0, training=training_of([idle]))


def test_a_long_history_is_folded_without_loss(history: History) -> None:
    plain = [[int(Driver.POLICY), int(Driver.HUMAN), int(Driver.RESET), int(Driver.NOBODY)]]
    one, two, *_ = history.fleet.robot_names
    for tick in range(1, 3 * WINDOW_TICKS):
        leases = (Lease(two, "human_01", tick, LeaseKind.HARD_RESET, tick),) if tick % 2 else ()
        history.add_leases(tick, leases, ())
        history.add_uncertainties(tick, 1 + tick // WINDOW_TICKS, {one: float(tick)})
        for robot in history.fleet.robot_names:
            history.add_action(robot, RobotAction(tick, ActionKind.MOVE, ActionSource.POLICY, (0.0, 0.0)))
            history.add_status(robot, tick + 1, successes=1, hard_resets=0)
        plain.append([1, 3, 1, 1] if tick % 2 else [1, 1, 1, 1])
    assert history.drivers_TN().tolist() == plain
    assert history.uncertainties_TN()[1:, 0].tolist() == list(range(1, 3 * WINDOW_TICKS))
    assert history.ticks == 3 * WINDOW_TICKS
    assert history.human_actions == 2 + 3 * WINDOW_TICKS // 2
    assert history.effort["human_01"] == {LeaseKind.TELEOPERATE: 1, LeaseKind.HARD_RESET: 3 * WINDOW_TICKS // 2}
    assert history.versions == [1, 2, 3]
    assert len(history._records) == WINDOW_TICKS


def test_a_tick_without_actions_counts_as_held(history: History) -> None:
    for robot in history.fleet.robot_names:
        history.add_status(robot, 3, successes=1, hard_resets=0)
    assert history.ticks == 3
    assert history.drivers_TN()[1:].tolist() == [[Driver.NOBODY] * 4] * 2
