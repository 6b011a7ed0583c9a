"""A real window on a real X server, used by somebody with a mouse and a keyboard.

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

from fleet_contract.lease import LeaseKind
from sim_bridge.push.cell import PushCell
from teleop_gui.operator import SETTLE_S, Operator, OperatorPhase
from teleop_gui.pointing import pointing_of
from teleop_gui.screen import PHASE_COLOURS, layout
from teleop_gui.window import HEIGHT, REPEAT_S, SILENT_S, WIDTH, Window

PICTURES = os.environ.get("FLEET_SCREENSHOTS")
"""Folder that gets a picture of every state."""


@pytest.fixture(scope="module")
def screen():
    """Qt finds its display once per process."""
    with display(WIDTH, HEIGHT) as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        yield Person(name)


@pytest.fixture(scope="module")
def cell():
    environment = PushCell(CELL, 1)
    environment.reset(3)
    yield environment
    environment.close()


class Place:
    """An operator's window, with a robot that asks again and again."""

    def __init__(self, person: Person, picture: np.ndarray, state_S: np.ndarray) -> None:
        self.person = person
        self.stops: list[str] = []
        self.sent: list[np.ndarray] = []
        self.video = self.asking = True
        self.picture, self.state_S = picture, state_S
        self.operator = Operator(
            "human_01",
            pointing_of(CELL),
            time.monotonic,
            lambda: self.stops.append("stop"),
            lambda: self.stops.append("reset"),
        )
        self.window = Window(self.operator, 1.0, time.monotonic)
        self.for_a_while(0.3)
        self.id = person.face(self.window.title, self.tick)
        self.for_a_while(0.3)

    def tick(self) -> bool:
        """What the node does, thirty times a second."""
        if self.video:
            self.operator.see(self.picture)
        if self.asking:
            values_A = self.operator.act(self.state_S)
            if values_A is not None:
                self.sent.append(values_A)
        return self.window.refresh()

    def for_a_while(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()

    def drive(self, **changes) -> None:
        """Be given a robot."""
        self.operator.assign(lease(**changes))
        self.for_a_while(2 * SETTLE_S)

    def at(self, x: float, y: float) -> tuple[int, int]:
        """A point of the picture on the screen."""
        box = layout(*self.window._size, 1.0).picture
        return round(box.left + x * box.width), round(box.top + y * box.height)

    def click(self, x: float, y: float) -> None:
        self.person.do("mousemove", *self.at(x, y), "click", 1)


@pytest.fixture
def place(screen, cell):
    place = Place(screen, cell.video(0), cell.step(np.zeros(1, int), np.zeros((1, 2))).states_NS[0])
    yield place
    screen.do("keyup", "space")
    place.window.close()


def nearby(place, dx_m=0.03, dy_m=-0.02):
    """A place in the picture that one push can reach."""
    return shown(place.state_S[0] + dx_m, place.state_S[1] + dy_m)


def test_a_click_is_shown_and_goes_out_while_the_key_is_held(place):
    place.drive()
    place.click(*nearby(place))
    until(lambda: place.operator.sight().phase is OperatorPhase.READY, place.tick)
    place.for_a_while(0.3)
    assert place.sent == [], "it is only shown"
    place.person.do("keydown", "space")
    until(lambda: place.sent, place.tick)
    pixel_m = 0.4 / 0.93 / layout(WIDTH, HEIGHT, 1.0).picture.width
    np.testing.assert_allclose(place.sent[0], [0.03, -0.02], atol=pixel_m)
    place.click(*nearby(place, -0.01, 0.04))
    until(lambda: len(place.sent) == 2, place.tick)
    np.testing.assert_allclose(place.sent[1], [-0.01, 0.04], atol=pixel_m)
    place.person.do("keyup", "space")
    until(lambda: not place.operator.sight().held, place.tick)
    place.click(*nearby(place))
    place.for_a_while(0.5)
    assert len(place.sent) == 2, "the key is up"


def test_tapping_the_drive_key_drives_nothing(place):
    place.drive()
    place.click(*nearby(place))
    for _ in range(4):
        place.person.do("key", "space")
        place.for_a_while(2 * REPEAT_S)
    assert place.operator.sight().phase is OperatorPhase.READY
    assert place.sent == []


def test_another_key_ends_the_holding(place):
    """As the keyboard does it: it repeats the last key only."""
    place.drive()
    place.person.do("keydown", "space")
    until(lambda: place.operator.sight().held, place.tick)
    place.person.do("keydown", "x")
    until(lambda: not place.operator.sight().held, place.tick)
    place.person.do("keyup", "x", "keyup", "space")


def test_keys_do_what_the_screen_says(place):
    place.drive()
    place.person.do("key", "h")
    until(place.operator.takes_leave, place.tick)
    place.operator.assign(None)
    place.person.do("key", "p")
    until(lambda: place.operator.paused, place.tick)
    place.for_a_while(1.2 * SILENT_S)
    place.person.do("key", "p")
    until(lambda: not place.operator.paused, place.tick)
    place.drive(kind=LeaseKind.HARD_RESET, token=2)
    place.person.do("key", "r")
    until(place.operator.has_reset, place.tick)
    place.person.do("key", "e")
    until(lambda: place.stops == ["stop"], place.tick)
    place.operator.latched(True)
    for _ in range(2):
        place.person.do("key", "u")
        place.for_a_while(1.2 * SILENT_S)
    until(lambda: place.stops == ["stop", "reset"], place.tick)


def test_holding_a_key_is_pressing_it_once(place):
    place.operator.latched(True)
    place.person.do("keydown", "u")
    place.for_a_while(2.0)
    place.person.do("keyup", "u")
    assert place.stops == []
    place.person.do("keydown", "p")
    place.for_a_while(1.5)
    place.person.do("keyup", "p")
    assert place.operator.paused


@pytest.mark.parametrize("key", ["Prior", "Up", "Home", "Left", "F1", "Delete", "Menu"])
def test_keys_without_a_letter_do_nothing(place, key):
    place.drive(kind=LeaseKind.HARD_RESET)
    for _ in range(2):
        place.person.do("key", key)
        place.for_a_while(0.2)
    assert place.stops == []
    assert not place.operator.has_reset()
    assert not place.operator.paused


def test_the_field_for_the_emergency_stop_is_clicked(place):
    field = layout(WIDTH, HEIGHT, 1.0).stop
    place.person.do("mousemove", field.left + field.width // 2, field.top + field.height // 2, "click", 1)
    until(lambda: place.stops == ["stop"], place.tick)


def test_a_click_beside_the_picture_is_none(place):
    place.drive()
    box = layout(WIDTH, HEIGHT, 1.0).picture
    place.person.do("mousemove", box.left + box.width + 40, 300, "click", 1)
    place.for_a_while(0.3)
    assert place.operator.sight().phase is OperatorPhase.AIM


def test_a_window_of_another_size_is_laid_out_anew_and_clicked_alike(place):
    place.drive()
    place.person.do("windowsize", "--sync", place.id, 800, 480)
    until(lambda: place.window._size == (800, 480), place.tick)
    place.person.do("keydown", "space")
    place.click(*nearby(place))
    until(lambda: place.sent, place.tick)
    pixel_m = 0.4 / 0.93 / layout(800, 480, 1.0).picture.width
    np.testing.assert_allclose(place.sent[0], [0.03, -0.02], atol=pixel_m)


def test_who_closes_the_window_is_gone(place):
    assert place.tick()
    place.person.close(place.id)
    until(lambda: not place.tick())


STATES = {
    "idle": (OperatorPhase.IDLE, lambda place: place.operator.assign(None)),
    "aim": (OperatorPhase.AIM, lambda place: place.drive()),
    "ready": (OperatorPhase.READY, lambda place: (place.drive(), place.click(*nearby(place)))),
    "busy": (OperatorPhase.BUSY, lambda place: (place.drive(), setattr(place, "asking", False))),
    "no_video": (OperatorPhase.NO_VIDEO, lambda place: (place.drive(), setattr(place, "video", False))),
    "reset": (OperatorPhase.RESET, lambda place: place.drive(kind=LeaseKind.HARD_RESET)),
    "paused": (OperatorPhase.PAUSED, lambda place: place.operator.press("p")),
    "stopping": (OperatorPhase.STOPPING, lambda place: (place.drive(), place.operator.press("e"))),
    "stopped": (OperatorPhase.STOPPED, lambda place: (place.drive(), place.operator.latched(True))),
    "unconfirmed": (OperatorPhase.UNCONFIRMED, lambda place: (place.drive(), place.operator.press("e"))),
}


@pytest.mark.parametrize("state", STATES)
def test_the_screen_shows_the_state(place, state):
    """The banner has the state's colour, in the picture that the X server gives."""
    phase, bring_about = STATES[state]
    place.operator.waiting, place.operator.threshold = ("robot_02", "robot_04"), 0.17
    place.operator.uncertainties = {"robot_03": 0.31}
    bring_about(place)
    until(lambda: place.operator.sight().phase is phase, place.tick)
    place.for_a_while(0.15)
    panel = layout(WIDTH, HEIGHT, 1.0).panel
    look = place.person.look(Path(PICTURES) / f"operator_{state}.png" if PICTURES else None)
    np.testing.assert_allclose(look[panel.top + 4, panel.left + panel.width // 2], PHASE_COLOURS[phase], atol=1)
    assert place.operator.sight().phase is phase


def luminance(colour) -> float:
    """Relative luminance of sRGB (WCAG 2.2)."""
    share = np.asarray(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("phase", OperatorPhase)
def test_the_banner_can_be_read(phase):
    """Black on its colour, at least 4.5 to 1 (WCAG 2.2 AA)."""
    assert (luminance(PHASE_COLOURS[phase]) + 0.05) / 0.05 >= 4.5


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (800, 480), (480, 640), (320, 320)])
@pytest.mark.parametrize("ratio", [1.0, 16 / 9])
def test_everything_has_its_place_on_every_screen(width, height, ratio):
    places = layout(width, height, ratio)
    for box in (places.picture, places.panel, places.stop):
        assert box.left >= 0
        assert box.top >= 0
        assert box.width >= 64
        assert box.height >= 24
        assert box.left + box.width <= width
        assert box.top + box.height <= height
    beside = places.picture.left + places.picture.width <= places.panel.left
    assert beside or places.picture.top + places.picture.height <= places.panel.top
    assert places.picture.width / places.picture.height == pytest.approx(ratio, rel=0.05)
    assert places.text >= 12
