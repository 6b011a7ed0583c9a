"""The worst wins, what is not told any more is stale, and everything has its place in the tree that monitors show."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_common.health import Check, Level
from fleet_views.aggregation import ROOT, STALE_S, SUMMARY, Aggregation, is_item, report, rolled_up, title, top_level
from fleet_views.incidents import Incidents

GROUPS = ("fleet", "robot_01", "robot_02", "human_01")
NAMES = ("gate: emergency stop", "bridge: robot_01 presence", "/base: left/motor", "policy: version")
CHECKS = st.builds(
    Check,
    name=st.sampled_from(NAMES),
    level=st.sampled_from(Level),
    message=st.text(max_size=5),
    hardware_id=st.sampled_from([*GROUPS, "", "/dev/motor"]),
)
HISTORIES = st.lists(st.tuples(st.integers(0, 4), CHECKS), max_size=20)
"""Seconds since the last one, and what is told then."""
LEVELS = st.lists(st.sampled_from(Level), min_size=1)


def told(history: list[tuple[int, Check]]) -> tuple[Aggregation, dict[str, tuple[int, Check]], int]:
    """What was aggregated, and worked out once more: the last word on everything, and when it was said."""
    aggregation, last, now_s = Aggregation(GROUPS), {}, 0
    for step_s, check in history:
        now_s += step_s
        aggregation.add(check, now_s)
        last[check.name] = now_s, check
    return aggregation, last, now_s


@given(HISTORIES, st.integers(0, 12))
def test_of_everything_the_last_word_is_known_until_it_is_too_old(history, later_s):
    aggregation, last, now_s = told(history)
    now_s += later_s
    items = {title(item): item for item in aggregation.items(now_s)}
    assert set(items) == {name.replace("/", " ") for name in last}
    for name, (said_s, check) in last.items():
        item = items[name.replace("/", " ")]
        assert item.level is (check.level if now_s - said_s <= STALE_S else Level.STALE)
        assert check.message in item.message
        assert item.hardware_id == check.hardware_id


@given(HISTORIES, st.integers(0, 12))
def test_what_is_told_again_after_silence_is_as_it_is_told(history, later_s):
    aggregation, last, now_s = told(history)
    for _, check in last.values():
        aggregation.add(replace(check, level=Level.OK), now_s + later_s)
    assert {item.level for item in aggregation.items(now_s + later_s)} <= {Level.OK}


@given(HISTORIES)
def test_who_has_ended_is_not_missed(history):
    aggregation, last, now_s = told(history)
    for _, check in last.values():
        aggregation.add(check.ended(), now_s)
    assert aggregation.items(now_s + 100) == []


@given(HISTORIES)
def test_a_change_of_level_is_noticed_and_nothing_else(history):
    aggregation, last = Aggregation(GROUPS), {}
    for _, check in history:
        assert aggregation.add(check, 0.0) == (last.get(check.name) is not check.level)
        last[check.name] = check.level


@given(LEVELS)
def test_the_worst_level_wins_and_what_is_only_partly_known_is_an_error(levels):
    expected = {
        (True, True): Level.STALE,
        (True, False): Level.ERROR,
        (False, False): max((level for level in levels if level is not Level.STALE), default=Level.OK),
    }[Level.STALE in levels, set(levels) == {Level.STALE}]
    assert rolled_up(levels) is expected


@given(HISTORIES, st.integers(0, 12))
def test_every_path_in_the_tree_is_there_once_and_its_parent_too(history, later_s):
    """Monitors take names apart at the slashes, and leave out what hangs on a parent that is not told of."""
    aggregation, _, now_s = told(history)
    checks = report(aggregation.items(now_s + later_s))
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    for check in checks:
        assert check.name == ROOT or check.name.rpartition("/")[0] in names
        children = [other for other in checks if other.name.rpartition("/")[0] == check.name]
        if not is_item(check):
            assert check.level is rolled_up([child.level for child in children])
            assert check.message == SUMMARY[check.level]
            assert check.values == {title(child): child.message for child in children}
        else:
            assert children == []


def test_what_is_about_nothing_of_the_fleet_is_told_apart():
    aggregation = Aggregation(GROUPS)
    aggregation.add(Check("gate: emergency stop", Level.OK, "not latched", hardware_id="fleet"), 0.0)
    aggregation.add(Check("/base: left/motor", Level.OK, "warm", hardware_id="/dev/motor"), 0.0)
    names = [check.name for check in report(aggregation.items(0.0)) if is_item(check)]
    assert names == ["/Fleet/Other/ base: left motor", "/Fleet/fleet/gate: emergency stop"]


@given(HISTORIES, st.integers(0, 12))
def test_the_top_level_names_one_of_the_worst_and_lists_all_that_is_not_well(history, later_s):
    aggregation, _, now_s = told(history)
    items = aggregation.items(now_s + later_s)
    top = top_level(items, "fleet")
    assert top.level is report(items)[0].level
    bad = {title(item): item for item in items if item.level is not Level.OK}
    assert dict(top.values) == {name: item.message for name, item in bad.items()}
    if bad:
        named = [item for name, item in bad.items() if top.message == f"{name}: {item.message}"]
        worst = Level.ERROR if any(item.level is Level.ERROR for item in items) else max(bad.values(), key=_level).level
        assert any(item.level is worst for item in named)


def _level(item: Check) -> Level:
    return item.level


def test_nothing_heard_is_not_known():
    assert [(check.name, check.level) for check in report([])] == [(ROOT, Level.STALE)]
    assert top_level([], "fleet").level is Level.STALE


@given(HISTORIES)
def test_a_run_is_summed_up_by_how_often_and_how_long_something_was_not_well(history):
    aggregation, incidents = Aggregation(GROUPS), Incidents()
    now_s, seen = 0, []
    for step_s, check in history:
        now_s += step_s
        aggregation.add(check, now_s)
        items = aggregation.items(now_s)
        incidents.update(report(items), now_s)
        seen.append((now_s, {title(item): item.level for item in items}))
    summary = incidents.summary()
    assert set(summary) == {name for _, levels in seen for name in levels}
    for name, entry in summary.items():
        line = [(at_s, levels.get(name, Level.OK)) for at_s, levels in seen]
        for level in (Level.WARN, Level.ERROR, Level.STALE):
            begins = zip([(0, Level.OK), *line], line, strict=False)
            assert entry[level.name.lower()] == sum(after[1] is level is not before[1] for before, after in begins)
        spans = itertools.pairwise(line)
        assert entry["not_ok_s"] == sum(after[0] - before[0] for before, after in spans if before[1] is not Level.OK)


@pytest.mark.parametrize("level", [Level.WARN, Level.ERROR, Level.STALE])
def test_what_is_not_well_now_comes_worst_first(level):
    incidents = Incidents()
    one, two = (Check(f"/Fleet/fleet/gate: {name}", kind, "so") for name, kind in (("a", Level.WARN), ("b", level)))
    incidents.update(report([one, two]), 0.0)
    assert list(incidents.troubles) == ([one, two] if level is Level.WARN else [two, one])
    incidents.update(report([one]), 1.0)
    assert list(incidents.troubles) == [one]
