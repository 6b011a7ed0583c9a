"""What a person does reaches the robot only under the rules."""

from __future__ import annotations

import numpy as np
import pytest
from cell import CELL, PICTURE, STATE, lease, shown
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fleet_contract.lease import LeaseKind
from teleop_gui.operator import DECLINED_S, HELD_S, TWICE_S, UNCONFIRMED_S, VIDEO_S, Operator, Phase
from teleop_gui.pointing import pointing_of

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

    def ready(self) -> Operator:
        """With a robot, fresh video, a click and the drive key held."""
        self.operator.assign(lease())
        self.operator.see(PICTURE)
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
    operator = bench.operator
    operator.assign(lease())
    operator.see(PICTURE)
    operator.hold()
    operator.point(*NEAR)
    assert operator.act(STATE) is None
    assert operator.sight().aim is not None, "but shown"
    assert operator.sight().phase is Phase.AIM


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
    assert operator.sight().phase is Phase.READY


@pytest.mark.parametrize(("since_s", "sends"), [(VIDEO_S - 0.01, True), (VIDEO_S + 0.01, False)])
def test_without_fresh_video_nothing_is_sent(bench, since_s, sends):
    operator = bench.ready()
    bench.now_s += since_s
    operator.hold()
    assert (operator.act(STATE) is not None) == sends
    assert (operator.sight().phase is Phase.NO_VIDEO) != sends


def test_video_of_the_last_robot_is_not_that_of_the_next(bench):
    operator = bench.ready()
    operator.act(STATE)
    operator.assign(lease(token=2, robot="robot_04"))
    operator.click(*NEAR)
    operator.hold()
    assert operator.act(STATE) is None
    assert operator.sight().phase is Phase.NO_VIDEO
    assert operator.sight().picture is None


def test_a_click_for_the_last_robot_is_not_one_for_the_next(bench):
    operator = bench.ready()
    operator.assign(lease(token=2, robot="robot_04"))
    operator.see(PICTURE)
    operator.hold()
    assert operator.act(STATE) is None


def test_phases_tell_what_to_do(bench):
    operator = bench.operator
    assert operator.sight().phase is Phase.IDLE
    operator.pause()
    assert operator.sight().phase is Phase.PAUSED
    operator.pause()
    operator.assign(lease())
    assert operator.sight().phase is Phase.NO_VIDEO
    operator.see(PICTURE)
    assert operator.sight().phase is Phase.BUSY
    operator.act(STATE)
    assert operator.sight().phase is Phase.AIM
    operator.click(*NEAR)
    assert operator.sight().phase is Phase.READY
    operator.hold()
    operator.act(STATE)
    assert operator.sight().phase is Phase.BUSY
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    assert operator.sight().phase is Phase.RESET
    operator.latched(True)
    assert operator.sight().phase is Phase.STOPPED


def test_a_hard_reset_is_done_when_the_person_says_so(bench):
    operator = bench.operator
    operator.assign(lease())
    operator.press("r")
    assert not operator.has_reset(), "there was none to do"
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    assert not operator.has_reset()
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
    assert not operator.accepts("robot_03")
    assert operator.accepts("robot_04")
    bench.now_s += DECLINED_S
    assert operator.accepts("robot_03")


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
    assert operator.act(STATE) is None
    assert operator.sight().phase is Phase.STOPPED
    bench.now_s += UNCONFIRMED_S + 0.01
    assert operator.sight().phase is Phase.UNCONFIRMED
    operator.latched(True)
    assert operator.sight().phase is Phase.STOPPED


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
    assert operator.sight().phase is Phase.STOPPED, "until the gate says so"
    operator.latched(False)
    assert operator.sight().phase is Phase.IDLE


def test_a_stop_by_somebody_else_counts_too(bench):
    operator = bench.ready()
    operator.latched(True)
    assert operator.act(STATE) is None
    operator.assign(lease(LeaseKind.HARD_RESET, 2))
    operator.press("r")
    assert not operator.has_reset()


class AnyPerson(RuleBasedStateMachine):
    """Whatever a person does in whatever order, an action has its reasons."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.operator = self.bench.operator
        self.seen_s = self.held_s = -np.inf
        self.clicked = self.stopped = self.leaving = False
        self.lease = None

    @initialize()
    def begin(self):
        self.assign(LeaseKind.TELEOPERATE, 1)

    @rule(kind=st.sampled_from(LeaseKind), token=st.integers(1, 3))
    def assign(self, kind, token):
        given = lease(kind, token)
        if given != self.lease:
            self.seen_s = self.held_s = -np.inf
            self.clicked = self.leaving = False
        self.lease = given
        self.operator.assign(given)

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
        self.clicked = self.clicked or self.lease.kind is LeaseKind.TELEOPERATE

    @rule()
    def hold(self):
        self.operator.hold()
        self.held_s = self.bench.now_s

    @rule()
    def release(self):
        self.operator.release()
        self.held_s = -np.inf

    @rule(stopped=st.booleans())
    def latch(self, stopped):
        self.operator.latched(stopped)
        self.stopped = stopped

    @rule()
    def hand_back(self):
        self.operator.press("h")
        self.leaving = self.leaving or self.lease.kind is LeaseKind.TELEOPERATE

    @rule()
    def ask(self):
        if self.lease.kind is not LeaseKind.TELEOPERATE:
            return
        now_s = self.bench.now_s
        fresh, held = now_s - self.seen_s <= VIDEO_S, now_s - self.held_s <= HELD_S
        allowed = fresh and held and self.clicked and not self.stopped and not self.leaving
        values_A = self.operator.act(STATE)
        assert (values_A is not None) == allowed
        if allowed:
            self.clicked = False
            assert (np.abs(values_A) <= 0.05).all()
            assert (np.abs(STATE[:2] + values_A) <= 0.2).all()


TestAnyPerson = AnyPerson.TestCase
TestAnyPerson.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
