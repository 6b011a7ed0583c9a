"""Draws what an operator sees: the robot's picture with what is planned over it, and beside it what there is to know.

H image rows, W image columns, P points.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet_common.palette import (
    GREEN,
    MUTED,
    ORANGE,
    SKY,
    TEXT,
    VERMILION,
    YELLOW,
    Colour,
    uncertainty_colour,
)
from fleet_contract.lease import LeaseKind
from teleop_gui.operator import OperatorPhase, Sight
from teleop_gui.pointing import Aim

BACKGROUND, FIELD = (22, 24, 28), (44, 48, 54)
PHASE_COLOURS = {
    OperatorPhase.UNCONFIRMED: VERMILION,
    OperatorPhase.STOPPING: VERMILION,
    OperatorPhase.STOPPED: VERMILION,
    OperatorPhase.PAUSED: MUTED,
    OperatorPhase.IDLE: MUTED,
    OperatorPhase.RESET: YELLOW,
    OperatorPhase.NO_VIDEO: VERMILION,
    OperatorPhase.BUSY: SKY,
    OperatorPhase.AIM: ORANGE,
    OperatorPhase.READY: GREEN,
}
STOP = "E  EMERGENCY STOP"
KEYS = (("SPACE", "hold: send"), ("R", "reset done"), ("H", "hand back"), ("P", "pause"))
FONT = cv2.FontFace("sans")
WIDE = 1.2
"""Width per height from which the panel is beside the picture, not below."""
SUBPIXEL_BITS = 4
LEAST_WIDTH, LEAST_HEIGHT = 320, 320


@dataclass(frozen=True)
class ScreenRectangle:
    """Part of a screen, pixels."""

    left: int
    top: int
    width: int
    height: int

    def share(self, x: float, y: float) -> tuple[float, float] | None:
        """A point of the screen as shares of the rectangle; None outside."""
        across, down = (x - self.left) / self.width, (y - self.top) / self.height
        return (across, down) if 0 <= across < 1 and 0 <= down < 1 else None


@dataclass(frozen=True)
class ScreenLayout:
    """Where things are on a screen."""

    picture: ScreenRectangle
    panel: ScreenRectangle
    text: int
    """Height of the text, pixels."""

    @property
    def stop(self) -> ScreenRectangle:
        """The field that stops the fleet, at the panel's lower end."""
        panel, high = self.panel, 5 * self.text // 2
        return ScreenRectangle(panel.left, panel.top + panel.height - high, min(panel.width, 14 * self.text), high)


def layout(width: int, height: int, ratio: float) -> ScreenLayout:
    """For a screen of that many pixels and a picture of `ratio` columns per row."""
    width, height = max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT)
    gap = max(6, min(width, height) // 60)
    if width >= WIDE * height:
        text = int(np.clip(height / 34, 12, 24))
        most_wide, most_high = width - 18 * text - 3 * gap, height - 2 * gap
    else:
        text = int(np.clip(width / 34, 12, 24))
        most_wide, most_high = width - 2 * gap, height - 18 * text - 3 * gap
    picture_width = max(64, int(min(most_wide, most_high * ratio)))
    picture_height = max(64, int(picture_width / ratio))
    picture = ScreenRectangle(gap, gap, picture_width, picture_height)
    if width >= WIDE * height:
        left = picture.left + picture_width + gap
        return ScreenLayout(picture, ScreenRectangle(left, gap, width - left - gap, height - 2 * gap), text)
    top = picture.top + picture_height + gap
    return ScreenLayout(picture, ScreenRectangle(gap, top, width - 2 * gap, height - top - gap), text)


def draw_screen(sight: Sight, width: int, height: int, ratio: float) -> NDArray[np.uint8]:
    """The whole screen, (H, W, 3)."""
    width, height = max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT)
    places = layout(width, height, ratio)
    screen = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    at = places.picture
    screen[at.top : at.top + at.height, at.left : at.left + at.width] = draw_picture(sight, at.width, at.height)
    _Panel(screen, places).draw(sight)
    return screen


def draw_picture(sight: Sight, width: int, height: int) -> NDArray[np.uint8]:
    """The robot's picture with workspace, obstacles, goal and planned motion over it, (H, W, 3)."""
    if sight.picture is None:
        picture = np.full((height, width, 3), FIELD, dtype=np.uint8)
        _centred(picture, sight.phase.value, max(12, height // 22))
        return picture
    picture = np.ascontiguousarray(cv2.resize(sight.picture, (width, height), interpolation=cv2.INTER_LINEAR))
    size_2 = np.array([width, height])
    thick = max(1, min(width, height) // 240)
    for outline, colour in (
        (sight.marks.workspace, TEXT),
        *((obstacle, VERMILION) for obstacle in sight.marks.obstacles),
        (sight.marks.goal, GREEN),
    ):
        if outline is not None:
            points_P2 = (outline * size_2 * 2**SUBPIXEL_BITS).round().astype(np.int32)
            cv2.polylines(picture, [points_P2], True, colour, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    if sight.aim is not None:
        _draw_aim(picture, sight.aim, chosen=sight.clicked, thick=2 * thick)
    if sight.phase in {
        OperatorPhase.NO_VIDEO,
        OperatorPhase.STOPPING,
        OperatorPhase.STOPPED,
        OperatorPhase.UNCONFIRMED,
    }:
        picture //= 4
        _centred(picture, sight.phase.value, max(12, height // 22))
    return picture


def _draw_aim(picture: NDArray[np.uint8], aim: Aim, *, chosen: bool, thick: int) -> None:
    height, width = picture.shape[:2]
    start, end = ((round(x * width), round(y * height)) for x, y in (aim.start, aim.end))
    colour = ORANGE if chosen else TEXT
    cv2.arrowedLine(picture, start, end, (0, 0, 0), thick + 3, cv2.LINE_AA, tipLength=0.2)
    cv2.arrowedLine(picture, start, end, colour, thick, cv2.LINE_AA, tipLength=0.2)
    if aim.shortened:
        cv2.drawMarker(picture, end, colour, cv2.MARKER_TILTED_CROSS, 6 * thick, thick, cv2.LINE_AA)


class _Panel:
    """Writes line after line."""

    def __init__(self, screen: NDArray[np.uint8], places: ScreenLayout) -> None:
        self._screen = screen
        self._at = places.panel
        self._stop = places.stop
        self._text = places.text
        self._y = places.panel.top

    def draw(self, sight: Sight) -> None:
        self._banner(sight)
        self._line(f"{sight.human}  →  {sight.robot or 'nobody'}", TEXT, self._text * 5 // 4)
        if sight.robot:
            self._why(sight)
            self._line(f"{sight.seconds:.0f} s under your control, {sight.ticks} actions", MUTED)
            held = "drive key held" if sight.held else "drive key released"
            aimed = "  ·  shortened to what is allowed" if sight.aim and sight.aim.shortened else ""
            self._line(held + aimed, GREEN if sight.held else MUTED)
        self._line(f"waiting: {_listed(sight.waiting)}", TEXT if sight.waiting else MUTED)
        self._keys()

    def _banner(self, sight: Sight) -> None:
        high = self._text * 7 // 2
        corner = (self._at.left + self._at.width, self._y + high)
        cv2.rectangle(self._screen, (self._at.left, self._y), corner, PHASE_COLOURS[sight.phase], cv2.FILLED)
        inside = self._at.left + self._text // 2
        self._write(sight.phase.value, inside, self._y + self._text * 3 // 2, (0, 0, 0), self._text, 600)
        self._write(sight.hint, inside, self._y + self._text * 14 // 5, (0, 0, 0), self._text * 4 // 5)
        self._y += high + self._text // 2

    def _why(self, sight: Sight) -> None:
        if sight.kind is LeaseKind.HARD_RESET:
            self._line("needs a hard reset", YELLOW)
            return
        unsure = "" if isnan(sight.uncertainty) else f": {sight.uncertainty:.2f} of {sight.threshold:.2f} nats"
        self._line(f"unsure{unsure}", ORANGE)
        if not isnan(sight.uncertainty) and sight.threshold > 0:
            self._bar(sight.uncertainty, sight.threshold)

    def _bar(self, uncertainty: float, threshold: float) -> None:
        """The threshold is the middle."""
        left, high = self._at.left, self._text // 2
        right = left + min(self._at.width, 16 * self._text)
        filled = left + int(np.clip(uncertainty / threshold / 2, 0, 1) * (right - left))
        cv2.rectangle(self._screen, (left, self._y), (right, self._y + high), FIELD, cv2.FILLED)
        colour = uncertainty_colour(uncertainty, threshold)
        cv2.rectangle(self._screen, (left, self._y), (filled, self._y + high), colour, cv2.FILLED)
        middle = (left + right) // 2
        cv2.line(self._screen, (middle, self._y - 2), (middle, self._y + high + 2), TEXT, 2)
        self._y += high + self._text // 2

    def _keys(self) -> None:
        """At the lower end."""
        stop = self._stop
        corners = (stop.left, stop.top), (stop.left + stop.width, stop.top + stop.height)
        cv2.rectangle(self._screen, *corners, VERMILION, cv2.FILLED)
        self._write(STOP, stop.left + self._text // 2, stop.top + self._text * 8 // 5, (0, 0, 0), self._text, 700)
        small = self._text * 7 // 8
        across = max(1, self._at.width // (11 * small))
        rows = -(-len(KEYS) // across)
        top = max(self._y, stop.top - self._text // 2 - rows * small * 3 // 2)
        for index, (key, meaning) in enumerate(KEYS):
            x = self._at.left + (index % across) * 11 * small
            y = top + (index // across) * small * 3 // 2 + small
            end, _ = self._write(key, x, y, YELLOW, small, 600)
            self._write(f" {meaning}", end, y, TEXT, small)

    def _line(self, text: str, colour: Colour, size: int | None = None) -> None:
        """A line, or several where it is too long for one."""
        size = size or self._text
        _, last = self._write(text, self._at.left, self._y + size, colour, size)
        self._y = last + size // 2

    def _write(self, text: str, x: int, y: int, colour: Colour, size: int, weight: int = 400) -> tuple[int, int]:
        """Returns where the text ends."""
        (end_x, end_y), _ = cv2.putText(
            self._screen, text, (x, y), colour, FONT, size, weight, 0, (x, self._at.left + self._at.width)
        )
        return int(end_x), int(end_y)


def _centred(picture: NDArray[np.uint8], text: str, size: int, colour: Colour = TEXT) -> None:
    height, width = picture.shape[:2]
    (left, _, wide, _) = cv2.getTextSize((width, height), text, (0, 0), FONT, size, 600)
    cv2.putText(picture, text, ((width - wide) // 2 - left, height // 2), colour, FONT, size, 600)


def _listed(robots: tuple[str, ...]) -> str:
    """The first ones, and how many more."""
    shown = ", ".join(robots[:3])
    return f"{shown} and {len(robots) - 3} more" if len(robots) > 3 else shown or "nobody"
