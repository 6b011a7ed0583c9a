"""One run of a small fleet with all its nodes: what every change is tried with first."""

from __future__ import annotations

from bags import require_all_ticks
from conftest import TINY_TICKS, Ended


def test_every_tick_of_every_robot_is_in_the_bag(tiny_run: Ended) -> None:
    require_all_ticks(tiny_run.folder / "bag", 4, TINY_TICKS)


def test_humans_and_all_versions_of_the_policy_drive(tiny_run: Ended) -> None:
    summary = tiny_run.summary
    assert (summary["ticks"], summary["policy_versions"]) == (TINY_TICKS, [1, 2, 3])
    assert any(robot["policy_ticks"] for robot in summary["per_robot"].values())
    assert summary["human_actions"] > 0


def test_no_check_reports_an_error(tiny_run: Ended) -> None:
    assert {name for name, how in tiny_run.summary["diagnostics"].items() if how["error"] or how["stale"]} == set()
