"""Checks that an operator's input reaches the robot only when the safety rules allow it."""

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
    MAX_DRIFT,
    SETTLE_S,
    TWICE_S,
    UNCONFIRMED_S,
    VIDEO_S,
    Operator,
    OperatorPhase,
)
from teleop_gui.pointing import pointing_of
from teleop_gui.station_health import STALE_VIDEO_S, operator_check

NEAR = shown(-0.08, 0.07)
"""A position that one push can reach."""


class Bench:
    """An operator with a simulated clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.stops = self.stop_resets = 0
        self.operator = Operator("human_01", pointing_of(CELL), lambda: self.now_s, self._stop, self._reset_stop)

    def _stop(self) -> None:
        self.stops += 1

    def _reset_stop(self) -> None:
        self.stop_resets += 1

    def given(self, **changes) -> Operator:
        """Give the operator a robot that requests actions, and wait until input is accepted."""
        self.operator.assign(lease(**changes))
        self.operator.add_picture(PICTURE)
        self.operator.act(STATE)
        self.now_s += SETTLE_S
        self.operator.add_picture(PICTURE)
        return self.operator

    def ready(self) -> Operator:
        """Give the operator a robot, fresh video, a click and a held drive key."""
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
    assert operator.act(STATE) is None, "one click is one push"
    operator.click(*NEAR)
    assert operator.act(STATE) is not None


def test_without_a_click_nothing_is_sent(bench):
    operator = bench.given()
    operator.hold()
    operator.point(*NEAR)
    assert operator.act(STATE) is None
    assert operator.view().aim is not None, "the aim is shown"
    assert operator.view().phase is OperatorPhase.AIM


@pytest.mark.parametrize(("since_s", "sends"), [(HELD_S - 0.01, True), (HELD_S + 0.01, False)])
def test_the_drive_key_must_be_held(bench, since_s, sends):
    operator = bench.ready()
    bench.now_s += since_s
    operator.add_picture(PICTURE)
    assert (operator.act(STATE) is not None) == sends


def test_releasing_the_key_takes_effect_at_once(bench):
    operator = bench.ready()
    operator.release()
    assert operator.act(STATE) is None
    assert operator.view().phase is OperatorPhase.READY


@pytest.mark.parametrize(("since_s", "sends"), [(VIDEO_S - 0.01, True), (VIDEO_S + 0.01, False)])
def test_without_fresh_video_nothing_is_sent(bench, since_s, sends):
    operator = bench.ready()
    bench.now_s += since_s
    operator.hold()
    assert (operator.act(STATE) is not None) == sends
    assert (operator.view().phase is OperatorPhase.NO_VIDEO) != sends


def test_missing_video_is_reported_until_it_is_back(bench):
    operator = bench.given()
    bench.now_s += STALE_VIDEO_S
    assert operator_check(operator).level is Level.OK
    bench.now_s += 0.01
    check = operator_check(operator)
    assert (check.level, check.hardware_id) == (Level.WARN, "human_01")
    assert check.message == "no new picture of robot_03 for 1 s or longer"
    assert check.values["without a new picture (s)"] == pytest.approx(1.01)
    operator.add_picture(PICTURE)
    assert operator_check(operator).level is Level.OK


def test_neither_a_new_robot_without_video_nor_an_idle_operator_is_reported(bench):
    operator = bench.operator
    bench.now_s = 100.0
    assert (operator_check(operator).level, operator_check(operator).message) == (Level.OK, OperatorPhase.IDLE.value)
    operator.assign(lease())
    assert operator_check(operator).level is Level.OK
    bench.now_s += STALE_VIDEO_S + 0.01
    assert operator_check(operator).level is Level.WARN


def test_an_unconfirmed_stop_is_an_error(bench):
    operator = bench.operator
    operator.stop()
    assert operator_check(operator).level is Level.OK
    bench.now_s += UNCONFIRMED_S + 0.01
    assert operator_check(operator).level is Level.ERROR
    operator.set_stopped(True)
    assert operator_check(operator).level is Level.OK


def test_video_of_the_last_robot_does_not_count_for_the_next(bench):
    operator = bench.ready()
    operator.act(STATE)
    operator.assign(lease(token=2, robot="robot_04"))
    bench.now_s += SETTLE_S
    operator.click(*NEAR)
    operator.release()
    operator.hold()
    assert operator.act(STATE) is None
    assert operator.view().phase is OperatorPhase.NO_VIDEO
    assert operator.view().picture is None


@pytest.mark.parametrize("clicks", ["before", "just after", "both"])
def test_a_click_for_the_last_robot_does_not_count_for_the_next(bench, clicks):
    operator = bench.ready()
    if clicks == "just after":
        operator.act(STATE)
    operator.assign(lease(token=2, robot="robot_04"))
    operator.add_picture(PICTURE)
    operator.act(STATE)
    if clicks != "before":
        bench.now_s += SETTLE_S - 0.01
        operator.click(*NEAR)
    operator.release()
    operator.hold()
    assert operator.act(STATE) is None


def test_a_key_held_since_the_last_robot_must_be_pressed_again(bench):
    operator = bench.ready()
    operator.act(STATE)
    operator.assign(lease(token=2, robot="robot_04"))
    for _ in range(10):
        operator.add_picture(PICTURE)
        operator.hold()
        operator.act(STATE)
        bench.now_s += 0.1
    operator.add_picture(PICTURE)
    operator.hold()
    operator.click(*NEAR)
    assert operator.act(STATE) is None
    operator.release()
    operator.hold()
    assert operator.act(STATE) is not None


@pytest.mark.parametrize("what", ["stop", "latched", "no video"])
def test_an_interruption_clears_the_input(bench, what):
    operator = bench.ready()
    if what == "stop":
        operator.press("e")
        operator.set_stopped(True)
        operator.set_stopped(False)
    elif what == "latched":
        operator.set_stopped(True)
        operator.set_stopped(False)
    else:
        bench.now_s += VIDEO_S + 0.01
        operator.act(STATE)
    operator.add_picture(PICTURE)
    operator.hold()
    assert operator.act(STATE) is None
    operator.release()
    operator.hold()
    assert operator.act(STATE) is None, "the click is cleared, too"


@pytest.mark.parametrize(("drift", "sends"), [(0.5 * MAX_DRIFT, True), (2 * MAX_DRIFT, False)])
def test_an_arrow_that_has_drifted_since_the_click_is_not_sent(bench, drift, sends):
    operator = bench.ready()
    moved = STATE.copy()
    moved[0] += drift * 0.4 / 0.93
    assert (operator.act(moved) is not None) == sends
    assert operator.act(moved) is None


def test_a_click_before_the_robot_requests_an_action_is_ignored(bench):
    operator = bench.operator
    operator.assign(lease())
    bench.now_s += SETTLE_S
    operator.add_picture(PICTURE)
    operator.click(*NEAR)
    operator.hold()
    assert operator.act(STATE) is None


def test_a_pointer_outside_the_picture_has_no_aim(bench):
    operator = bench.given()
    operator.point(*NEAR)
    assert operator.view().aim is not None
    operator.point_away()
    assert operator.view().aim is None


def test_the_phase_follows_the_state(bench):
    operator = bench.operator
    assert operator.view().phase is OperatorPhase.IDLE
    operator.pause()
    assert operator.view().phase is OperatorPhase.PAUSED
    operator.pause()
    operator.assign(lease())
    assert operator.view().phase is OperatorPhase.NO_VIDEO
    operator.add_picture(PICTURE)
    assert operator.view().phase is OperatorPhase.BUSY
    operator.act(STATE)
    assert operator.view().phase is OperatorPhase.AIM
    bench.now_s += SETTLE_S
    operator.add_picture(PICTURE)
    operator.act(STATE)
    operator.click(*NEAR)
    assert operator.view().phase is OperatorPhase.READY
    operator.hold()
    operator.act(STATE)
    assert operator.view().phase is OperatorPhase.BUSY
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    assert operator.view().phase is OperatorPhase.RESET
    operator.set_stopped(True)
    assert operator.view().phase is OperatorPhase.STOPPED


def test_a_hard_reset_ends_when_the_operator_confirms_it(bench):
    operator = bench.operator
    operator.assign(lease())
    operator.press("r")
    assert not operator.has_reset(), "there was no hard reset"
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    operator.press("R")
    assert not operator.has_reset(), "the key was meant for the last robot"
    bench.now_s += SETTLE_S
    operator.press("R")
    assert operator.has_reset()
    operator.assign(lease(LeaseKind.HARD_RESET, 3))
    assert not operator.has_reset(), "every hard reset is confirmed separately"


def test_handing_back_is_reported_once_and_the_robot_is_declined_for_a_while(bench):
    operator = bench.ready()
    operator.press("h")
    assert operator.act(STATE) is None, "nothing more is sent"
    assert operator.take_hand_back()
    assert not operator.take_hand_back()
    operator.release()
    operator.hold()
    operator.click(*NEAR)
    assert operator.act(STATE) is None, "nothing is sent until the lease ends"
    assert not operator.accepts("robot_03")
    assert operator.accepts("robot_04")
    bench.now_s += DECLINED_S
    assert operator.accepts("robot_03")


def test_a_robot_that_cannot_be_handed_back_can_still_be_driven(bench):
    operator = bench.ready()
    operator.press("h")
    assert operator.take_hand_back()
    operator.cancel_hand_back()
    operator.click(*NEAR)
    operator.release()
    operator.hold()
    assert operator.act(STATE) is not None


def test_a_robot_in_need_of_a_reset_is_not_handed_back(bench):
    bench.operator.assign(lease(LeaseKind.HARD_RESET))
    bench.operator.press("h")
    assert not bench.operator.take_hand_back()


def test_pausing_hands_the_robot_back_and_declines_all_robots(bench):
    operator = bench.ready()
    operator.press("p")
    assert operator.take_hand_back()
    bench.now_s += DECLINED_S
    assert not operator.accepts("robot_01")
    operator.press("p")
    assert operator.accepts("robot_01")


def test_an_emergency_stop_takes_effect_before_it_is_confirmed(bench):
    operator = bench.ready()
    operator.press("e")
    assert bench.stops == 1
    assert operator.stop_requested
    assert operator.act(STATE) is None
    assert operator.view().phase is OperatorPhase.STOPPING
    bench.now_s += UNCONFIRMED_S + 0.01
    assert operator.view().phase is OperatorPhase.UNCONFIRMED
    operator.set_stopped(True)
    assert not operator.stop_requested
    assert operator.view().phase is OperatorPhase.STOPPED


def test_an_emergency_stop_ends_by_two_presses(bench):
    operator = bench.operator
    operator.press("e")
    operator.set_stopped(True)
    operator.press("u")
    bench.now_s += TWICE_S + 0.01
    operator.press("u")
    assert bench.stop_resets == 0, "the second press came too late"
    bench.now_s += TWICE_S - 0.01
    operator.press("u")
    assert bench.stop_resets == 1
    assert operator.view().phase is OperatorPhase.STOPPED, "the gate has not confirmed the reset"
    operator.set_stopped(False)
    assert operator.view().phase is OperatorPhase.IDLE


def test_a_stop_by_another_operator_takes_effect_too(bench):
    operator = bench.ready()
    operator.set_stopped(True)
    assert operator.act(STATE) is None
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    bench.now_s += SETTLE_S
    operator.press("r")
    assert not operator.has_reset()


QUESTION = "Does robot_03 need help? (failure 1.4, threshold 1)"


def test_an_operator_dismisses_an_alarm(bench):
    operator = bench.given(signal="failure")
    assert operator.view().question == QUESTION
    assert operator.needs_help(STATE)
    operator.press("d")
    assert not operator.needs_help(STATE)
    assert operator.view().question == ""
    assert operator.accepts("robot_03"), "other signals may call for this robot at once"
    operator.assign(lease(token=2, signal="failure"))
    assert operator.needs_help(STATE)
    assert operator.view().question == QUESTION, "every alarm is asked about separately"


def test_who_has_driven_a_robot_cannot_dismiss_its_alarm(bench):
    operator = bench.given(signal="failure")
    operator.click(*NEAR)
    operator.hold()
    assert operator.act(STATE) is not None
    assert operator.view().question == ""
    operator.press("d")
    assert operator.needs_help(STATE)


@pytest.mark.parametrize("changes", [{}, {"kind": LeaseKind.HARD_RESET, "signal": "failure"}])
def test_there_is_nothing_to_dismiss_without_an_alarm(bench, changes):
    operator = bench.given(**changes)
    operator.press("d")
    assert operator.needs_help(STATE)
    assert operator.view().question == ""


def test_a_key_that_was_meant_for_the_last_robot_dismisses_nothing(bench):
    bench.given(signal="failure")
    bench.operator.assign(lease(token=2, signal="novelty"))
    bench.operator.press("d")
    assert bench.operator.needs_help(STATE)


class AnyPerson(RuleBasedStateMachine):
    """Actions are sent exactly if the rules allow it, whatever an operator does in whatever order."""

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
        self.operator.add_picture(PICTURE)
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
        self.operator.set_stopped(stopped)
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
