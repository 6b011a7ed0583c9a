"""What a person does reaches the robot only under the rules."""

from __future__ import annotations

import numpy as np
import pytest
from cell import CELL, PICTURE, STATE, lease, shown
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fleet_common.health import Level
from fleet_contract.lease import LeaseKind
from teleop_gui.operator import (
    DECLINED_S,
    HELD_S,
    MOVED,
    SETTLE_S,
    TWICE_S,
    UNCONFIRMED_S,
    VIDEO_S,
    Operator,
    OperatorPhase,
)
from teleop_gui.pointing import pointing_of
from teleop_gui.station_health import UNSEEN_S, operator_check

NEAR = shown(-0.08, 0.07)
"""A place that one push can reach."""


class Bench:
    """An operator with a clock that is turned by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.stops = self.stop_resets = 0
        self.operator = Operator("human_01", pointing_of(CELL), lambda: self.now_s, self._stop, self._reset_stop)

    def _stop(self) -> None:
        self.stops += 1

    def _reset_stop(self) -> None:
        self.stop_resets += 1

    def given(self, **changes) -> Operator:
        """With a robot that asks, for long enough to know of it."""
        self.operator.assign(lease(**changes))
        self.operator.see(PICTURE)
        self.operator.act(STATE)
        self.now_s += SETTLE_S
        self.operator.see(PICTURE)
        return self.operator

    def ready(self) -> Operator:
        """With a robot, fresh video, a click and the drive key held."""
        self.given()
        self.operator.click(*NEAR)
        self.operator.hold()
        return self.operator


@pytest.fixture
def bench():
    return Bench()


def test_a_click_is_one_push(bench):
    operator = bench.ready()
    np.testing.assert_allclose(operator.act(STATE), [0.02, 0.02], atol=1e-6)
    assert operator.act(STATE) is None, "and not another one"
    operator.click(*NEAR)
    assert operator.act(STATE) is not None


def test_without_a_click_nothing_is_sent(bench):
    operator = bench.given()
    operator.hold()
    operator.point(*NEAR)
    assert operator.act(STATE) is None
    assert operator.sight().aim is not None, "but shown"
    assert operator.sight().phase is OperatorPhase.AIM


@pytest.mark.parametrize(("since_s", "sends"), [(HELD_S - 0.01, True), (HELD_S + 0.01, False)])
def test_the_drive_key_must_be_held(bench, since_s, sends):
    operator = bench.ready()
    bench.now_s += since_s
    operator.see(PICTURE)
    assert (operator.act(STATE) is not None) == sends


def test_a_released_key_is_released_at_once(bench):
    operator = bench.ready()
    operator.release()
    assert operator.act(STATE) is None
    assert operator.sight().phase is OperatorPhase.READY


@pytest.mark.parametrize(("since_s", "sends"), [(VIDEO_S - 0.01, True), (VIDEO_S + 0.01, False)])
def test_without_fresh_video_nothing_is_sent(bench, since_s, sends):
    operator = bench.ready()
    bench.now_s += since_s
    operator.hold()
    assert (operator.act(STATE) is not None) == sends
    assert (operator.sight().phase is OperatorPhase.NO_VIDEO) != sends


def test_without_video_for_long_a_warning_is_told_until_it_is_back(bench):
    operator = bench.given()
    bench.now_s += UNSEEN_S
    assert operator_check(operator).level is Level.OK
    bench.now_s += 0.01
    check = operator_check(operator)
    assert (check.level, check.hardware_id) == (Level.WARN, "human_01")
    assert check.message == "no new picture of robot_03 for 1 s or longer"
    assert check.values["without a new picture (s)"] == pytest.approx(1.01)
    operator.see(PICTURE)
    assert operator_check(operator).level is Level.OK


def test_a_new_robot_that_has_shown_nothing_yet_is_no_trouble_and_neither_is_none(bench):
    operator = bench.operator
    bench.now_s = 100.0
    assert (operator_check(operator).level, operator_check(operator).message) == (Level.OK, OperatorPhase.IDLE.value)
    operator.assign(lease())
    assert operator_check(operator).level is Level.OK
    bench.now_s += UNSEEN_S + 0.01
    assert operator_check(operator).level is Level.WARN


def test_a_stop_that_is_not_confirmed_is_an_error(bench):
    operator = bench.operator
    operator.stop()
    assert operator_check(operator).level is Level.OK
    bench.now_s += UNCONFIRMED_S + 0.01
    assert operator_check(operator).level is Level.ERROR
    operator.latched(True)
    assert operator_check(operator).level is Level.OK


def test_video_of_the_last_robot_is_not_that_of_the_next(bench):
    operator = bench.ready()
    operator.act(STATE)
    operator.assign(lease(token=2, robot="robot_04"))
    bench.now_s += SETTLE_S
    operator.click(*NEAR)
    operator.release()
    operator.hold()
    assert operator.act(STATE) is None
    assert operator.sight().phase is OperatorPhase.NO_VIDEO
    assert operator.sight().picture is None


@pytest.mark.parametrize("clicks", ["before", "just after", "both"])
def test_a_click_for_the_last_robot_is_not_one_for_the_next(bench, clicks):
    operator = bench.ready()
    if clicks == "just after":
        operator.act(STATE)
    operator.assign(lease(token=2, robot="robot_04"))
    operator.see(PICTURE)
    operator.act(STATE)
    if clicks != "before":
        bench.now_s += SETTLE_S - 0.01
        operator.click(*NEAR)
    operator.release()
    operator.hold()
    assert operator.act(STATE) is None


def test_a_key_that_is_held_since_the_last_robot_must_be_pressed_anew(bench):
    operator = bench.ready()
    operator.act(STATE)
    operator.assign(lease(token=2, robot="robot_04"))
    for _ in range(10):
        operator.see(PICTURE)
        operator.hold()
        operator.act(STATE)
        bench.now_s += 0.1
    operator.see(PICTURE)
    operator.hold()
    operator.click(*NEAR)
    assert operator.act(STATE) is None
    operator.release()
    operator.hold()
    assert operator.act(STATE) is not None


@pytest.mark.parametrize("what", ["stop", "latched", "no video"])
def test_what_was_chosen_before_a_break_is_not_sent_after_it(bench, what):
    operator = bench.ready()
    if what == "stop":
        operator.press("e")
        operator.latched(True)
        operator.latched(False)
    elif what == "latched":
        operator.latched(True)
        operator.latched(False)
    else:
        bench.now_s += VIDEO_S + 0.01
        operator.act(STATE)
    operator.see(PICTURE)
    operator.hold()
    assert operator.act(STATE) is None
    operator.release()
    operator.hold()
    assert operator.act(STATE) is None, "the click is forgotten, too"


@pytest.mark.parametrize(("gone", "sends"), [(0.5 * MOVED, True), (2 * MOVED, False)])
def test_an_arrow_that_begins_elsewhere_now_is_another_arrow(bench, gone, sends):
    operator = bench.ready()
    moved = STATE.copy()
    moved[0] += gone * 0.4 / 0.93
    assert (operator.act(moved) is not None) == sends
    assert operator.act(moved) is None


def test_a_click_before_the_robot_asks_is_none(bench):
    operator = bench.operator
    operator.assign(lease())
    bench.now_s += SETTLE_S
    operator.see(PICTURE)
    operator.click(*NEAR)
    operator.hold()
    assert operator.act(STATE) is None


def test_a_pointer_that_has_left_points_to_nothing(bench):
    operator = bench.given()
    operator.point(*NEAR)
    assert operator.sight().aim is not None
    operator.point_away()
    assert operator.sight().aim is None


def test_phases_tell_what_to_do(bench):
    operator = bench.operator
    assert operator.sight().phase is OperatorPhase.IDLE
    operator.pause()
    assert operator.sight().phase is OperatorPhase.PAUSED
    operator.pause()
    operator.assign(lease())
    assert operator.sight().phase is OperatorPhase.NO_VIDEO
    operator.see(PICTURE)
    assert operator.sight().phase is OperatorPhase.BUSY
    operator.act(STATE)
    assert operator.sight().phase is OperatorPhase.AIM
    bench.now_s += SETTLE_S
    operator.see(PICTURE)
    operator.act(STATE)
    operator.click(*NEAR)
    assert operator.sight().phase is OperatorPhase.READY
    operator.hold()
    operator.act(STATE)
    assert operator.sight().phase is OperatorPhase.BUSY
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    assert operator.sight().phase is OperatorPhase.RESET
    operator.latched(True)
    assert operator.sight().phase is OperatorPhase.STOPPED


def test_a_hard_reset_is_done_when_the_person_says_so(bench):
    operator = bench.operator
    operator.assign(lease())
    operator.press("r")
    assert not operator.has_reset(), "there was none to do"
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    operator.press("R")
    assert not operator.has_reset(), "that was for the last robot"
    bench.now_s += SETTLE_S
    operator.press("R")
    assert operator.has_reset()
    operator.assign(lease(LeaseKind.HARD_RESET, 3))
    assert not operator.has_reset(), "the next one is not"


def test_handing_back_is_told_once_and_the_robot_is_not_taken_again_so_soon(bench):
    operator = bench.ready()
    operator.press("h")
    assert operator.act(STATE) is None, "nothing more is sent"
    assert operator.takes_leave()
    assert not operator.takes_leave()
    operator.release()
    operator.hold()
    operator.click(*NEAR)
    assert operator.act(STATE) is None, "until it is taken away"
    assert not operator.accepts("robot_03")
    assert operator.accepts("robot_04")
    bench.now_s += DECLINED_S
    assert operator.accepts("robot_03")


def test_a_robot_that_cannot_be_handed_back_is_driven_on(bench):
    operator = bench.ready()
    operator.press("h")
    assert operator.takes_leave()
    operator.keep()
    operator.click(*NEAR)
    operator.release()
    operator.hold()
    assert operator.act(STATE) is not None


def test_a_robot_in_need_of_a_reset_is_not_handed_back(bench):
    bench.operator.assign(lease(LeaseKind.HARD_RESET))
    bench.operator.press("h")
    assert not bench.operator.takes_leave()


def test_who_pauses_hands_back_and_is_sent_nowhere(bench):
    operator = bench.ready()
    operator.press("p")
    assert operator.takes_leave()
    bench.now_s += DECLINED_S
    assert not operator.accepts("robot_01")
    operator.press("p")
    assert operator.accepts("robot_01")


def test_an_emergency_stop_counts_before_it_is_confirmed(bench):
    operator = bench.ready()
    operator.press("e")
    assert bench.stops == 1
    assert operator.wants_stop
    assert operator.act(STATE) is None
    assert operator.sight().phase is OperatorPhase.STOPPING
    bench.now_s += UNCONFIRMED_S + 0.01
    assert operator.sight().phase is OperatorPhase.UNCONFIRMED
    operator.latched(True)
    assert not operator.wants_stop
    assert operator.sight().phase is OperatorPhase.STOPPED


def test_an_emergency_stop_ends_by_two_presses(bench):
    operator = bench.operator
    operator.press("e")
    operator.latched(True)
    operator.press("u")
    bench.now_s += TWICE_S + 0.01
    operator.press("u")
    assert bench.stop_resets == 0, "too late after the first"
    bench.now_s += TWICE_S - 0.01
    operator.press("u")
    assert bench.stop_resets == 1
    assert operator.sight().phase is OperatorPhase.STOPPED, "until the gate says so"
    operator.latched(False)
    assert operator.sight().phase is OperatorPhase.IDLE


def test_a_stop_by_somebody_else_counts_too(bench):
    operator = bench.ready()
    operator.latched(True)
    assert operator.act(STATE) is None
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    bench.now_s += SETTLE_S
    operator.press("r")
    assert not operator.has_reset()


class AnyPerson(RuleBasedStateMachine):
    """Whatever a person does in whatever order, an action has its reasons."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.operator = self.bench.operator
        self.seen_s = self.key_s = self.since_s = -np.inf
        self.clicked = self.pressed = self.asked = self.stopped = self.leaving = False
        self.lease = None

    @initialize()
    def begin(self):
        self.assign(LeaseKind.TELEOPERATE, 1)

    @rule(kind=st.sampled_from(LeaseKind), token=st.integers(1, 3))
    def assign(self, kind, token):
        given = lease(kind, token)
        if given != self.lease:
            self.seen_s, self.since_s = -np.inf, self.bench.now_s
            self.clicked = self.pressed = self.asked = self.leaving = False
        self.lease = given
        self.operator.assign(given)

    @property
    def fresh(self):
        return self.bench.now_s - self.seen_s <= VIDEO_S

    @rule(seconds=st.sampled_from([0.05, 0.1, 0.2, 0.4]))
    def wait(self, seconds):
        self.bench.now_s += seconds

    @rule()
    def see(self):
        self.operator.see(PICTURE)
        self.seen_s = self.bench.now_s

    @rule(x=st.floats(-1, 2), y=st.floats(-1, 2))
    def click(self, x, y):
        self.operator.click(x, y)
        settled = self.bench.now_s - self.since_s >= SETTLE_S and self.lease.kind is LeaseKind.TELEOPERATE
        self.clicked = self.clicked or (settled and self.fresh and self.asked and not self.stopped and not self.leaving)

    @rule()
    def hold(self):
        self.operator.hold()
        self.pressed = self.pressed or self.bench.now_s - self.key_s > HELD_S
        self.key_s = self.bench.now_s

    @rule()
    def release(self):
        self.operator.release()
        self.key_s = -np.inf

    @rule(stopped=st.booleans())
    def latch(self, stopped):
        self.operator.latched(stopped)
        self.stopped = stopped
        if stopped:
            self.clicked = self.pressed = False

    @rule()
    def hand_back(self):
        self.operator.press("h")
        if self.lease.kind is LeaseKind.TELEOPERATE:
            self.leaving, self.clicked, self.pressed = True, False, False

    @rule()
    def ask(self):
        if self.lease.kind is not LeaseKind.TELEOPERATE:
            return
        self.asked = True
        if not self.fresh:
            self.clicked = self.pressed = False
        held = self.pressed and self.bench.now_s - self.key_s <= HELD_S
        allowed = self.fresh and held and self.clicked and not self.stopped and not self.leaving
        values_A = self.operator.act(STATE)
        assert (values_A is not None) == allowed
        if allowed:
            self.clicked = False
            assert (np.abs(values_A) <= 0.05).all()
            assert (np.abs(STATE[:2] + values_A) <= 0.2).all()


TestAnyPerson = AnyPerson.TestCase
TestAnyPerson.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
