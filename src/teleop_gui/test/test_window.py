"""Tests a real window on an X server with mouse and keyboard.

H image rows, W image columns.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from cell import CELL, lease, shown
from display import Person, display, until

from fleet_common.jpeg import to_jpeg
from fleet_contract.lease import LeaseKind
from sim_bridge.push.cell import PushCell
from teleop_gui.film_strip import film_strip
from teleop_gui.operator import SETTLE_S, Operator, OperatorPhase
from teleop_gui.pointing import pointing_of
from teleop_gui.screen import PHASE_COLOURS, layout
from teleop_gui.window import HEIGHT, REPEAT_S, SILENT_S, WIDTH, Window

pytestmark = pytest.mark.slow
PICTURES = os.environ.get("FLEET_SCREENSHOTS")
"""Folder to which a picture of every state is written."""


@pytest.fixture(scope="module")
def screen():
    """Yield the person at the screen; one per module, because Qt connects to its display once per process."""
    with display(WIDTH, HEIGHT) as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        yield Person(name)


@pytest.fixture(scope="module")
def cell():
    environment = PushCell(CELL, 1)
    environment.reset(3)
    yield environment
    environment.close()


class Workplace:
    """An operator's window, with a robot that repeatedly requests actions.

    Its clock advances by a period of the node per tick at most, so that a busy machine does not let time limits expire.
    """

    def __init__(self, person: Person, picture: np.ndarray, state_S: np.ndarray) -> None:
        self.person = person
        self.stops: list[str] = []
        self.sent: list[np.ndarray] = []
        self.video = self.asking = True
        self.picture, self.state_S = picture, state_S
        self.now_s, self._last_tick_s = 0.0, time.monotonic()
        self.operator = Operator(
            "human_01",
            pointing_of(CELL),
            lambda: self.now_s,
            lambda: self.stops.append("stop"),
            lambda: self.stops.append("reset"),
        )
        self.window = Window(self.operator, 1.0, lambda: self.now_s)
        self.for_a_while(0.3)
        self.id = person.focus(self.window.title, self.tick)
        self.for_a_while(0.3)

    def tick(self) -> bool:
        """Do what the node does 30 times a second."""
        elapsed_s = time.monotonic() - self._last_tick_s
        self._last_tick_s += elapsed_s
        self.now_s += min(elapsed_s, 1 / 30)
        if self.video:
            self.operator.add_picture(self.picture)
        if self.asking:
            values_A = self.operator.act(self.state_S)
            if values_A is not None:
                self.sent.append(values_A)
        return self.window.refresh()

    def for_a_while(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.tick()

    def drive(self, **changes) -> None:
        """Assign a robot, and wait until input is accepted."""
        self.operator.assign(lease(**changes))
        self.for_a_while(2 * SETTLE_S)

    def at(self, x: float, y: float) -> tuple[int, int]:
        """Return the screen coordinates of a point of the picture."""
        box = layout(*self.window._size, 1.0).picture
        return round(box.left + x * box.width), round(box.top + y * box.height)

    def click(self, x: float, y: float) -> None:
        self.person.do("mousemove", *self.at(x, y), "click", 1)


@pytest.fixture
def workplace(screen, cell):
    workplace = Workplace(screen, cell.video(0), cell.step(np.zeros(1, int), np.zeros((1, 2))).states_NS[0])
    yield workplace
    screen.do("keyup", "space")
    workplace.window.close()


def nearby(workplace, dx_m=0.03, dy_m=-0.02):
    """Return a position in the picture that one push can reach."""
    return shown(workplace.state_S[0] + dx_m, workplace.state_S[1] + dy_m)


def test_a_click_is_shown_and_sent_while_the_key_is_held(workplace):
    workplace.drive()
    workplace.click(*nearby(workplace))
    until(lambda: workplace.operator.view().phase is OperatorPhase.READY, workplace.tick)
    workplace.for_a_while(0.3)
    assert workplace.sent == [], "the key is not held"
    workplace.person.do("keydown", "space")
    until(lambda: workplace.sent, workplace.tick)
    pixel_m = 0.4 / 0.93 / layout(WIDTH, HEIGHT, 1.0).picture.width
    np.testing.assert_allclose(workplace.sent[0], [0.03, -0.02], atol=pixel_m)
    workplace.click(*nearby(workplace, -0.01, 0.04))
    until(lambda: len(workplace.sent) == 2, workplace.tick)
    np.testing.assert_allclose(workplace.sent[1], [-0.01, 0.04], atol=pixel_m)
    workplace.person.do("keyup", "space")
    until(lambda: not workplace.operator.view().held, workplace.tick)
    workplace.click(*nearby(workplace))
    workplace.for_a_while(0.5)
    assert len(workplace.sent) == 2, "the key is up"


def test_tapping_the_drive_key_sends_nothing(workplace):
    workplace.drive()
    workplace.click(*nearby(workplace))
    for _ in range(4):
        workplace.person.do("key", "space")
        workplace.for_a_while(2 * REPEAT_S)
    assert workplace.operator.view().phase is OperatorPhase.READY
    assert workplace.sent == []


def test_another_key_ends_holding(workplace):
    """Keyboards repeat the last key only."""
    workplace.drive()
    workplace.person.do("keydown", "space")
    until(lambda: workplace.operator.view().held, workplace.tick)
    workplace.person.do("keydown", "x")
    until(lambda: not workplace.operator.view().held, workplace.tick)
    workplace.person.do("keyup", "x", "keyup", "space")


def test_keys_do_what_the_screen_states(workplace):
    workplace.drive()
    workplace.person.do("key", "h")
    until(workplace.operator.take_hand_back, workplace.tick)
    workplace.operator.assign(None)
    workplace.person.do("key", "p")
    until(lambda: workplace.operator.paused, workplace.tick)
    workplace.for_a_while(1.2 * SILENT_S)
    workplace.person.do("key", "p")
    until(lambda: not workplace.operator.paused, workplace.tick)
    workplace.drive(kind=LeaseKind.HARD_RESET, token=2)
    workplace.person.do("key", "r")
    until(workplace.operator.has_reset, workplace.tick)
    workplace.person.do("key", "e")
    until(lambda: workplace.stops == ["stop"], workplace.tick)
    workplace.operator.set_stopped(True)
    for _ in range(2):
        workplace.person.do("key", "u")
        workplace.for_a_while(1.2 * SILENT_S)
    until(lambda: workplace.stops == ["stop", "reset"], workplace.tick)


FUTURES = ((200, 0, 200), (0, 0, 200), (120, 0, 60))
"""Colours of three futures, which the screen has nowhere else."""
STRIP = np.repeat(np.tile(np.array(FUTURES, np.uint8)[:, None], (1, 576, 1)), 64, axis=0)


def test_an_alarm_is_shown_with_imagined_futures_until_it_is_dismissed(workplace):
    """The futures appear on the X server's screen, one below the other; without a strip, none does."""
    panel = layout(WIDTH, HEIGHT, 1.0).panel

    def shown() -> list[int]:
        """Return the futures that the panel shows, from top to bottom."""
        workplace.for_a_while(0.15)
        column = workplace.person.screenshot()[panel.top : panel.top + panel.height, panel.left + 100].astype(int)
        nearest = [np.abs(column - future).max(axis=1) <= 12 for future in FUTURES]
        return sorted((index for index in range(3) if nearest[index].sum() > 30), key=lambda i: nearest[i].argmax())

    workplace.drive(signal="failure")
    assert shown() == []
    workplace.operator.add_futures(film_strip(to_jpeg(STRIP)))
    until(lambda: shown() == [0, 1, 2], workplace.tick)
    if PICTURES:
        workplace.person.screenshot(Path(PICTURES) / "operator_alarm.png")
    assert workplace.operator.view().question
    workplace.person.do("key", "d")
    until(lambda: not workplace.operator.needs_help(workplace.state_S), workplace.tick)
    workplace.operator.assign(None)
    assert shown() == []


def test_holding_a_key_counts_as_one_press(workplace):
    workplace.operator.set_stopped(True)
    workplace.person.do("keydown", "u")
    workplace.for_a_while(2.0)
    workplace.person.do("keyup", "u")
    assert workplace.stops == []
    workplace.person.do("keydown", "p")
    workplace.for_a_while(1.5)
    workplace.person.do("keyup", "p")
    assert workplace.operator.paused


@pytest.mark.parametrize("key", ["Prior", "Up", "Home", "Left", "F1", "Delete", "Menu"])
def test_keys_without_a_letter_do_nothing(workplace, key):
    workplace.drive(kind=LeaseKind.HARD_RESET)
    for _ in range(2):
        workplace.person.do("key", key)
        workplace.for_a_while(0.2)
    assert workplace.stops == []
    assert not workplace.operator.has_reset()
    assert not workplace.operator.paused


def test_the_emergency_stop_button_can_be_clicked(workplace):
    field = layout(WIDTH, HEIGHT, 1.0).stop
    workplace.person.do("mousemove", field.left + field.width // 2, field.top + field.height // 2, "click", 1)
    until(lambda: workplace.stops == ["stop"], workplace.tick)


def test_a_click_beside_the_picture_is_ignored(workplace):
    workplace.drive()
    box = layout(WIDTH, HEIGHT, 1.0).picture
    workplace.person.do("mousemove", box.left + box.width + 40, 300, "click", 1)
    workplace.for_a_while(0.3)
    assert workplace.operator.view().phase is OperatorPhase.AIM


def test_a_resized_window_is_laid_out_again_and_clicks_still_match(workplace):
    workplace.drive()
    workplace.person.do("windowsize", "--sync", workplace.id, 800, 480)
    until(lambda: workplace.window._size == (800, 480), workplace.tick)
    workplace.person.do("keydown", "space")
    workplace.click(*nearby(workplace))
    until(lambda: workplace.sent, workplace.tick)
    pixel_m = 0.4 / 0.93 / layout(800, 480, 1.0).picture.width
    np.testing.assert_allclose(workplace.sent[0], [0.03, -0.02], atol=pixel_m)


def test_closing_the_window_ends_the_node(workplace):
    assert workplace.tick()
    workplace.person.close(workplace.id)
    until(lambda: not workplace.tick())


STATES = {
    "idle": (OperatorPhase.IDLE, lambda workplace: workplace.operator.assign(None)),
    "aim": (OperatorPhase.AIM, lambda workplace: workplace.drive()),
    "ready": (OperatorPhase.READY, lambda workplace: (workplace.drive(), workplace.click(*nearby(workplace)))),
    "busy": (OperatorPhase.BUSY, lambda workplace: (workplace.drive(), setattr(workplace, "asking", False))),
    "no_video": (OperatorPhase.NO_VIDEO, lambda workplace: (workplace.drive(), setattr(workplace, "video", False))),
    "reset": (OperatorPhase.RESET, lambda workplace: workplace.drive(kind=LeaseKind.HARD_RESET)),
    "paused": (OperatorPhase.PAUSED, lambda workplace: workplace.operator.press("p")),
    "stopping": (OperatorPhase.STOPPING, lambda workplace: (workplace.drive(), workplace.operator.press("e"))),
    "stopped": (OperatorPhase.STOPPED, lambda workplace: (workplace.drive(), workplace.operator.set_stopped(True))),
    "unconfirmed": (OperatorPhase.UNCONFIRMED, lambda workplace: (workplace.drive(), workplace.operator.press("e"))),
}


@pytest.mark.parametrize("state", STATES)
def test_the_screen_shows_the_state(workplace, state):
    """The banner has the state's colour on the X server's screen."""
    phase, bring_about = STATES[state]
    workplace.operator.waiting, workplace.operator.threshold = ("robot_02", "robot_04"), 0.17
    workplace.operator.uncertainties = {"robot_03": 0.31}
    bring_about(workplace)
    until(lambda: workplace.operator.view().phase is phase, workplace.tick)
    workplace.for_a_while(0.15)
    panel = layout(WIDTH, HEIGHT, 1.0).panel
    pixels = workplace.person.screenshot(Path(PICTURES) / f"operator_{state}.png" if PICTURES else None)
    np.testing.assert_allclose(pixels[panel.top + 4, panel.left + panel.width // 2], PHASE_COLOURS[phase], atol=1)
    assert workplace.operator.view().phase is phase


def luminance(colour) -> float:
    """Return the relative luminance of an sRGB colour (WCAG 2.2)."""
    share = np.asarray(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("phase", OperatorPhase)
def test_the_banner_is_readable(phase):
    """The contrast of black on its colour is at least 4.5 to 1 (WCAG 2.2 AA)."""
    assert (luminance(PHASE_COLOURS[phase]) + 0.05) / 0.05 >= 4.5


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (800, 480), (480, 640), (320, 320)])
@pytest.mark.parametrize("ratio", [1.0, 16 / 9])
def test_the_layout_fits_every_screen(width, height, ratio):
    parts = layout(width, height, ratio)
    for box in (parts.picture, parts.panel, parts.stop):
        assert box.left >= 0
        assert box.top >= 0
        assert box.width >= 64
        assert box.height >= 24
        assert box.left + box.width <= width
        assert box.top + box.height <= height
    beside = parts.picture.left + parts.picture.width <= parts.panel.left
    assert beside or parts.picture.top + parts.picture.height <= parts.panel.top
    assert parts.picture.width / parts.picture.height == pytest.approx(ratio, rel=0.05)
    assert parts.text >= 12
