"""A run's page says what happened, shows every intervention, trusts nothing from the bag, and needs nothing but itself."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, call

from fleet_bags.interventions import interventions
from fleet_bags.recording import Observed, RecordedSignalVersion, Recording, Report, Status
from fleet_bags.run_metadata import RunMetadata
from fleet_bringup.run_setup import fleet_file
from fleet_cli.run_page.alarms import Outcome, alarms
from fleet_cli.run_page.film import MAX_STRIPS
from fleet_cli.run_page.page import MAX_ALARMS, number, page
from fleet_cli.run_page.run_history import run_history
from fleet_cli.run_page.timeline import MAX_BINS, humans_timeline, robots_timeline
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.fleet import read_fleet
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.lease_table import Dismissal, LeaseTable
from fleet_contract.validation import InputError
from fleet_views.history import WINDOW_TICKS

sys.path.append(str(ROOT / "src/teleop_gui/test"))
from browser import headless_chromium

ROBOTS = ("robot_01", "robot_02", "robot_03", "robot_04")
HOSTILE = "<script>alert('x')</script><img src=http://elsewhere.example/x onerror=alert(1)>"
SECTIONS = (
    "headline",
    "drivers",
    "alarms",
    "uncertainty",
    "progress",
    "humans",
    "robots",
    "versions",
    "interventions",
    "settings",
)


def recorded(ticks: int = 12, helped: tuple[tuple[int, int, int, int, LeaseKind], ...] = ()) -> Recording:
    """Four robots without cameras that succeed at every fifth step, and a policy that is updated halfway.

    Helped: human, robot, first tick, last tick and kind of every intervention.
    """
    described = read_fleet(fleet_file("block_push"))
    allocation = described.allocation.with_threshold("uncertainty", 1.0)
    contract = described.contract()
    observation = contract.observation.model_copy(update={"camera": None})
    metadata = RunMetadata(
        fleet=described.model_copy(update={"allocation": allocation}),
        contract=contract.model_copy(update={"observation": observation}),
        seed=3,
    )
    leases = [
        (range(first, last + 1), Lease(ROBOTS[robot], f"human_0{human}", token, kind, first))
        for token, (human, robot, first, last, kind) in enumerate(helped, start=1)
    ]
    tables = {
        t: LeaseTable(t, tuple(lease for held, lease in leases if t in held), thresholds={"uncertainty": 1.0})
        for t in range(ticks)
    }

    def released(tick: int, robot: int) -> RobotAction:
        for lease in tables[tick].leases:
            if lease.robot == ROBOTS[robot]:
                return RobotAction(
                    tick, ActionKind.MOVE, ActionSource.HUMAN, (0.0, 0.0), 0, lease.supervisor, lease.token
                )
        return RobotAction(tick, ActionKind.MOVE, ActionSource.POLICY, (0.0, 0.0), 1)

    def status(tick: int, robot: int) -> Status:
        reset = tables.get(tick)
        violated = reset and any(
            held.kind is LeaseKind.HARD_RESET and held.robot == ROBOTS[robot] for held in reset.leases
        )
        succeeded = tick > 0 and tick % 5 == 0
        resets = sum(k is LeaseKind.HARD_RESET and r == robot and first <= tick for _, r, first, _, k in helped)
        return Status((100 + tick, 0), 0, float(succeeded), succeeded, bool(violated), "", tick // 5, resets)

    robots = range(4)
    return Recording(
        bag=Path("/runs/one/bag"),
        metadata=metadata,
        ticks=ticks,
        observed_N=tuple({t: Observed((100 + t, 0), 0, np.full(6, t / 100)) for t in range(ticks)} for _ in robots),
        statuses_N=tuple({t: status(t, robot) for t in range(ticks + 1)} for robot in robots),
        released_N=tuple({t: released(t, robot) for t in range(ticks)} for robot in robots),
        proposed_N=({},) * 4,
        human_actions_N=({},) * 4,
        reports={
            t: Report(1 + (t >= ticks // 2), dict(zip(ROBOTS, (0.5, 2.0, 0.1, 0.2), strict=True))) for t in range(ticks)
        },
        units={"uncertainty": "nats", "risk": "1"},
        signals={},
        leases=tables,
        policy_versions=(),
    )


HELPED = (
    (1, 1, 0, 2, LeaseKind.TELEOPERATE),
    (2, 2, 1, 4, LeaseKind.HARD_RESET),
    (1, 3, 5, 7, LeaseKind.TELEOPERATE),
)


class Found(HTMLParser):
    """What is in a page: words by id, links, elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: dict[str, str] = {}
        self.links: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self._id = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._id = dict(attributes).get("id") or self._id
        self.links += [value for name, value in attributes if name in {"src", "href", "srcset", "data", "action"}]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data):
        self.words[self._id] = f"{self.words.get(self._id, '')} {data}"


def test_the_headline_says_what_was_counted_by_hand() -> None:
    words = Found(page(run_history(recorded(helped=HELPED)))).words
    first = {name: words[name].split()[0] for name in ("ticks", "successes", "hard_resets", "human_actions", "rohe")}
    rohe = (2 / 4) * (8 / 4) / (1 + 3 + 4 + 3)
    assert first == {
        "ticks": "12",
        "successes": "8",
        "hard_resets": "1",
        "human_actions": "10",
        "rohe": number(rohe),
    }
    assert words["threshold"].split()[0] == "1.00"
    assert words["policy_versions"].split()[:2] == ["1,", "2"]


def test_versions_of_what_computes_signals_are_listed() -> None:
    without = recorded(helped=HELPED)
    assert "signal_versions" not in Found(page(run_history(without))).words
    versions = tuple(
        RecordedSignalVersion("monitor", ("failure", "novelty"), number, due, Path("version"), "")
        for number, due in ((2, 5), (3, 9))
    )
    words = Found(page(run_history(replace(without, signal_versions=versions)))).words
    assert (
        words["signal_versions"].split()[:13]
        == (
            [
                "signals",
                "version",
                "due",
                "at",
                "tick",
                "failure,",
                "novelty",
                "2",
                "5",
                "failure,",
                "novelty",
                "3",
                "9",
            ][:13]
        )
    )


@pytest.mark.parametrize("ticks", [12, 3 * WINDOW_TICKS])
def test_curves_follow_equation_3_tick_by_tick(ticks: int) -> None:
    """Also where the history is folded."""
    run = run_history(recorded(ticks, HELPED))
    actions = 0
    for tick in range(ticks):
        actions += sum(first <= tick <= last for _, _, first, last, _ in HELPED)
        successes = 4 * ((tick + 1) // 5)
        assert run.rohe_T[tick] == pytest.approx((2 / 4) * (successes / 4) / (1 + actions))
        assert run.successes_T[tick] == successes
    assert run.rohe_T[-1] == pytest.approx(run.history.rohe)
    assert run.updates == {2: ticks // 2}
    assert run.metrics.switches_M.tolist() == [1, 0]


def test_every_intervention_has_its_strip_and_its_reason() -> None:
    recording = recorded(helped=HELPED)
    assert [(i.first_tick, i.last_tick, i.is_reset, i.is_uncertain) for i in interventions(recording)] == [
        (0, 2, False, True),
        (1, 4, True, False),
        (5, 7, False, False),
    ]
    text = page(run_history(recording))
    assert text.count("<li>") == len(HELPED)
    for who in ("ticks 0 to 2, human_01", "ticks 1 to 4, human_02", "ticks 5 to 7, human_01"):
        assert who in text
    assert "Uncertain: 2.00 against a threshold of 1.00 nats." in text
    assert "Hard reset: the robot was in constraint violation." in text
    assert "Not uncertain (0.200, threshold 1.00 nats): sent by the rule priority." in text
    assert "The robots have no camera" in text
    assert "0 → 0.0300" in text, "of the state, from the tick before the first action to that after the last one"


def test_an_intervention_says_which_signal_called_the_human() -> None:
    whole = recorded(helped=HELPED[:1])
    called = {
        tick: replace(
            table, leases=tuple(replace(lease, signal="risk", value=0.75, threshold=0.5) for lease in table.leases)
        )
        for tick, table in whole.leases.items()
    }
    assert "Called by risk: 0.750 against a threshold of 0.500." in page(run_history(replace(whole, leases=called)))


def alarmed() -> Recording:
    """Twelve ticks with alarms of the signal failure, whose threshold is 1.

    robot_01 has an alarm from tick 2 to 4, which human_02 dismisses at tick 2, and is in violation at tick 6 and 7; robot_02 has
    one from 1 to 5, and human_01 drives it from tick 3 on; robot_03 has one at tick 4, and at tick 8 and 9 another in a new episode.
    """
    whole = recorded(helped=((1, 1, 3, 6, LeaseKind.TELEOPERATE), (2, 0, 2, 2, LeaseKind.TELEOPERATE)))
    above = {"robot_01": {2, 3, 4, 7}, "robot_02": set(range(1, 6)), "robot_03": {4, 8, 9}, "robot_04": set()}
    values = {t: {name: 1.4 if t in ticks else 0.25 for name, ticks in above.items()} for t in range(12)}
    values[11] = {"robot_01": math.nan}
    tables = {
        t: replace(
            table,
            leases=tuple(replace(lease, signal="failure", value=1.4, threshold=1.0) for lease in table.leases),
            thresholds={"failure": 1.0, "violation": 0.0},
            dismissals=(Dismissal("robot_01", "failure"),) if t == 3 else (),
        )
        for t, table in whole.leases.items()
    }
    hold = RobotAction(2, ActionKind.HOLD, ActionSource.HUMAN, (), 0, "human_02", 2)
    statuses = list(whole.statuses_N)
    statuses[0] = {t: replace(status, violated=t in {6, 7}) for t, status in statuses[0].items()}
    statuses[2] = {t: replace(status, episode=int(t >= 8)) for t, status in statuses[2].items()}
    return replace(
        whole,
        leases=tables,
        signals={"failure": values, "violation": {t: dict.fromkeys(ROBOTS, 1.0) for t in range(12)}},
        released_N=({**whole.released_N[0], 2: hold}, *whole.released_N[1:]),
        statuses_N=tuple(statuses),
    )


def test_alarms_are_those_that_were_counted_by_hand() -> None:
    found = [(a.robot, a.first_tick, a.last_tick, a.outcome, a.lead_ticks, a.event) for a in alarms(alarmed())]
    assert found == [
        ("robot_02", 1, 5, Outcome.DRIVEN, 2, "human"),
        ("robot_01", 2, 4, Outcome.DISMISSED, 4, "violation"),
        ("robot_03", 4, 4, Outcome.UNATTENDED, None, ""),
        ("robot_03", 8, 9, Outcome.UNATTENDED, None, ""),
    ]
    assert {(alarm.signal, alarm.value, alarm.threshold) for alarm in alarms(alarmed())} == {("failure", 1.4, 1.0)}


def test_the_page_lists_alarms_and_says_which_were_dismissed() -> None:
    text = page(run_history(alarmed()))
    assert "4 in total: 1 driven, 1 dismissed, 2 unattended." in text
    assert '<td>dismissed</td><td class="n">4 to a violation</td>' in text
    assert '<td>driven</td><td class="n">2 to a human\'s action</td>' in text
    assert text.count("Dismissed: the human found that the robot needed no help.") == 1
    assert run_history(alarmed()).history.dismissed_alarms == 1
    assert "No signal was above its threshold." in page(run_history(recorded()))


def test_alarms_that_are_left_out_are_counted() -> None:
    ticks = 4 * MAX_ALARMS
    whole = recorded(ticks)
    signals = {"uncertainty": {t: {"robot_01": 2.0 * (t % 2)} for t in range(ticks)}}
    text = page(run_history(replace(whole, signals=signals)))
    assert f"{MAX_ALARMS} of them, spread evenly over the run, are shown and {MAX_ALARMS} are omitted" in text
    assert text.count("<td>unattended</td>") == MAX_ALARMS


def test_what_is_left_out_is_said() -> None:
    many = tuple((1, tick % 4, tick, tick, LeaseKind.TELEOPERATE) for tick in range(MAX_STRIPS + 5))
    text = page(run_history(recorded(len(many), many)))
    assert f"{MAX_STRIPS + 5} in total; {MAX_STRIPS} of them" in text
    assert "5 are omitted" in text
    assert text.count("<li>") == MAX_STRIPS


def test_lanes_say_who_had_which_robot() -> None:
    run = run_history(recorded(helped=HELPED))
    lanes = {name: [s.title for s in segments] for name, segments in robots_timeline(run).lanes}
    assert lanes == {
        "robot_01": [],
        "robot_02": ["robot_02: human_01, ticks 0 to 2"],
        "robot_03": ["robot_03: human_02, hard reset, ticks 1 to 4"],
        "robot_04": ["robot_04: human_01, ticks 5 to 7"],
    }
    humans = {name: [s.title for s in segments] for name, segments in humans_timeline(run).lanes}
    assert humans == {
        "human_01": ["human_01: with robot_02, ticks 0 to 2", "human_01: with robot_04, ticks 5 to 7"],
        "human_02": ["human_02: with robot_03, hard reset, ticks 1 to 4"],
    }


def test_a_long_run_loses_no_intervention_in_its_lanes() -> None:
    ticks = 2 * MAX_BINS + 1
    run = run_history(recorded(ticks, ((1, 0, 1001, 1001, LeaseKind.TELEOPERATE),)))
    timeline = robots_timeline(run)
    (segment,) = timeline.lanes[0][1]
    assert timeline.bin_ticks > 1
    assert segment.first_tick <= 1001 < segment.end_tick
    assert f"up to {timeline.bin_ticks} ticks are drawn as one" in page(run)


def test_what_is_missing_or_unreachable_is_said() -> None:
    whole = recorded()
    lost = {t: action for t, action in whole.released_N[0].items() if t != 4}
    gone = {t: replace(status, unreachable="no network") for t, status in whole.statuses_N[1].items()}
    released = {t: RobotAction(t, ActionKind.HOLD, ActionSource.NOBODY) for t in range(12)}
    cut = replace(
        whole,
        released_N=(lost, released, *whole.released_N[2:]),
        statuses_N=(whole.statuses_N[0], gone, *whole.statuses_N[2:]),
        leases={t: table for t, table in whole.leases.items() if t < 10},
        reports={},
    )
    text = page(run_history(cut))
    assert "2 of 12 ticks without a lease table" in text
    assert "12 of 12 ticks without a policy report" in text
    assert "1 of 48 robot steps without an action" in text
    assert 'unreachable: no network</td><td class="n">12<' in text
    assert 'no action was recorded</td><td class="n">1<' in text
    assert "The policy reported no uncertainty." in text
    assert "No policy was deployed." in text
    assert "There was no intervention." in text


def test_an_online_threshold_is_infinite_at_first() -> None:
    whole = recorded(helped=HELPED)
    tables = {
        t: replace(table, thresholds={"uncertainty": math.inf if t < 6 else 1.5}) for t, table in whole.leases.items()
    }
    words = Found(page(run_history(replace(whole, leases=tables)))).words
    assert words["threshold"].split()[0] == "1.50"


def hostile() -> Recording:
    whole = recorded(helped=HELPED)
    held = {t: RobotAction(t, ActionKind.HOLD, ActionSource.NOBODY, reason=HOSTILE) for t in range(12)}
    quantities = whole.metadata.contract.observation.state.quantities
    state = whole.metadata.contract.observation.state.model_copy(
        update={"quantities": tuple(quantity.model_copy(update={"unit": HOSTILE}) for quantity in quantities)}
    )
    observation = whole.metadata.contract.observation.model_copy(update={"state": state})
    supervisors = whole.metadata.fleet.supervisors.model_copy(update={"styles": (HOSTILE,)})
    metadata = RunMetadata(
        fleet=whole.metadata.fleet.model_copy(update={"supervisors": supervisors}),
        contract=whole.metadata.contract.model_copy(update={"observation": observation}),
        seed=0,
    )
    return replace(whole, metadata=metadata, bag=Path("/runs") / HOSTILE, released_N=(held, *whole.released_N[1:]))


def test_what_comes_from_the_bag_is_text_and_nothing_else() -> None:
    text = page(run_history(hostile()))
    found = Found(text)
    assert HOSTILE not in text
    assert text.count("&lt;script&gt;") >= 4
    assert "script" not in found.tags
    assert found.handlers == []


def test_the_page_asks_for_nothing_from_outside() -> None:
    links = Found(page(run_history(hostile()))).links
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)


def test_a_lease_of_somebody_who_is_not_in_the_fleet_is_bad_input() -> None:
    whole = recorded()
    stranger = Lease("robot_01", "human_09", 1, LeaseKind.TELEOPERATE, 0)
    with pytest.raises(
        InputError, match=r"expected human_01 to human_02 with .*, got 'human_09' with 'robot_01' at tick 0"
    ):
        run_history(replace(whole, leases={0: LeaseTable(0, (stranger,))}))


def test_a_run_without_a_step_is_bad_input() -> None:
    with pytest.raises(InputError, match="expected at least one step of the robots, got none"):
        page(run_history(recorded(0)))


def test_no_bag_no_page(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("before")
    done = call("report", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(".: expected the folder of a recorded run or of its bag")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "before"


@pytest.fixture(scope="module")
def browser():
    with headless_chromium() as chrome:
        yield chrome


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_every_section(browser, tmp_path: Path, width: int) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(run_history(hostile())), encoding="utf-8")
    browser.set_window_size(width, 900)
    browser.get(file.as_uri())
    assert [section.get_attribute("id") for section in browser.find_elements("tag name", "section")] == list(SECTIONS)
    for section in browser.find_elements("tag name", "section"):
        assert section.size["height"] > 60, section.get_attribute("id")
        assert section.size["width"] <= width, section.get_attribute("id")
    pictures = "return [...document.images].map(picture => picture.naturalWidth)"
    assert len(browser.execute_script(pictures)) == 2
    assert all(browser.execute_script(pictures))
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), "no way sideways"
    asked = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    assert all(name.startswith("data:") for name in browser.execute_script(asked))
    assert browser.get_log("browser") == []
