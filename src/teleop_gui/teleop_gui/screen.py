"""Draws an operator's screen: the robot's picture with the planned motion over it, and a panel beside it.

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
from teleop_gui.operator import OperatorPhase, OperatorView
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
KEYS = (("SPACE", "hold to send"), ("R", "reset done"), ("H", "hand back"), ("P", "pause"))
DISMISS = ("D", "no, dismiss the alarm")
FUTURES = "Imagined futures"
FONT = cv2.FontFace("sans")
WIDE = 1.2
"""Ratio of width to height from which the panel is beside the picture, not below."""
MAX_TEXT_SHARE = 0.94
"""Largest width of a text over the picture, as a share of the picture's width."""
SUBPIXEL_BITS = 4
MIN_WIDTH, MIN_HEIGHT = 320, 320
"""Smallest screen that is laid out, pixels."""


@dataclass(frozen=True)
class ScreenRectangle:
    """A rectangle on a screen, pixels."""

    left: int
    top: int
    width: int
    height: int

    def share(self, x: float, y: float) -> tuple[float, float] | None:
        """Return a point of the screen as shares of the rectangle; None outside."""
        across, down = (x - self.left) / self.width, (y - self.top) / self.height
        return (across, down) if 0 <= across < 1 and 0 <= down < 1 else None


@dataclass(frozen=True)
class ScreenLayout:
    """Positions of the parts of a screen."""

    picture: ScreenRectangle
    panel: ScreenRectangle
    text: int
    """Height of the text, pixels."""

    @property
    def stop(self) -> ScreenRectangle:
        """The button that stops the fleet, at the lower end of the panel."""
        panel, high = self.panel, 5 * self.text // 2
        return ScreenRectangle(panel.left, panel.top + panel.height - high, min(panel.width, 14 * self.text), high)


def layout(width: int, height: int, ratio: float) -> ScreenLayout:
    """Return the layout of a screen of `width` by `height` pixels, for a picture of `ratio` columns per row."""
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    gap = max(6, min(width, height) // 60)
    if width >= WIDE * height:
        text = int(np.clip(height / 34, 12, 24))
        max_width, max_height = width - 18 * text - 3 * gap, height - 2 * gap
    else:
        text = int(np.clip(width / 34, 12, 24))
        max_width, max_height = width - 2 * gap, height - 18 * text - 3 * gap
    picture_width = max(64, int(min(max_width, max_height * ratio)))
    picture_height = max(64, int(picture_width / ratio))
    picture = ScreenRectangle(gap, gap, picture_width, picture_height)
    if width >= WIDE * height:
        left = picture.left + picture_width + gap
        return ScreenLayout(picture, ScreenRectangle(left, gap, width - left - gap, height - 2 * gap), text)
    top = picture.top + picture_height + gap
    return ScreenLayout(picture, ScreenRectangle(gap, top, width - 2 * gap, height - top - gap), text)


def draw_screen(view: OperatorView, width: int, height: int, ratio: float) -> NDArray[np.uint8]:
    """Return the whole screen, (H, W, 3), RGB."""
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    parts = layout(width, height, ratio)
    screen = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    area = parts.picture
    screen[area.top : area.top + area.height, area.left : area.left + area.width] = draw_picture(
        view, area.width, area.height
    )
    _Panel(screen, parts).draw(view)
    return screen


def draw_picture(view: OperatorView, width: int, height: int) -> NDArray[np.uint8]:
    """Return the robot's picture with workspace, obstacles, goal and planned motion over it, (H, W, 3), RGB."""
    if view.picture is None:
        picture = np.full((height, width, 3), FIELD, dtype=np.uint8)
        _centred(picture, view.phase.value, max(12, height // 22))
        return picture
    picture = np.ascontiguousarray(cv2.resize(view.picture, (width, height), interpolation=cv2.INTER_LINEAR))
    size_2 = np.array([width, height])
    thick = max(1, min(width, height) // 240)
    for outline, colour in (
        (view.marks.workspace, TEXT),
        *((obstacle, VERMILION) for obstacle in view.marks.obstacles),
        (view.marks.goal, GREEN),
    ):
        if outline is not None:
            points_P2 = (outline * size_2 * 2**SUBPIXEL_BITS).round().astype(np.int32)
            cv2.polylines(picture, [points_P2], True, colour, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    if view.aim is not None:
        _draw_aim(picture, view.aim, chosen=view.clicked, thick=2 * thick)
    if view.phase in {
        OperatorPhase.NO_VIDEO,
        OperatorPhase.STOPPING,
        OperatorPhase.STOPPED,
        OperatorPhase.UNCONFIRMED,
    }:
        picture //= 4
        _centred(picture, view.phase.value, max(12, height // 22))
    return picture


def _draw_aim(picture: NDArray[np.uint8], aim: Aim, *, chosen: bool, thick: int) -> None:
    height, width = picture.shape[:2]
    start, end = ((round(x * width), round(y * height)) for x, y in (aim.start, aim.end))
    colour = ORANGE if chosen else TEXT
    # The black outline makes the arrow visible on bright pictures.
    for line_colour, line_thick in (((0, 0, 0), thick + 3), (colour, thick)):
        cv2.arrowedLine(picture, start, end, line_colour, line_thick, cv2.LINE_AA, tipLength=0.2)
        if aim.clipped:
            cv2.drawMarker(picture, end, line_colour, cv2.MARKER_TILTED_CROSS, 6 * thick, line_thick, cv2.LINE_AA)


class _Panel:
    """Draws the panel from top to bottom."""

    def __init__(self, screen: NDArray[np.uint8], parts: ScreenLayout) -> None:
        self._screen = screen
        self._at = parts.panel
        self._stop = parts.stop
        self._text = parts.text
        self._y = parts.panel.top

    def draw(self, view: OperatorView) -> None:
        self._banner(view)
        self._line(f"{view.human}  →  {view.robot or 'no robot'}", TEXT, self._text * 5 // 4)
        if view.robot:
            self._reason(view)
            if view.question:
                self._key(*DISMISS, self._at.left, self._y + self._text, self._text)
                self._y += self._text * 3 // 2
            else:
                self._line(f"{view.seconds:.0f} s under your control, {view.ticks} actions", MUTED)
            held = "drive key held" if view.held else "drive key released"
            clipped = "  ·  clipped to limits" if view.aim and view.aim.clipped else ""
            self._line(held + clipped, GREEN if view.held else MUTED)
        self._line(f"robots waiting: {_listed(view.waiting)}", TEXT if view.waiting else MUTED)
        keys_y = self._keys()
        if view.futures is not None:
            self._futures(view.futures.pixels_HW3, keys_y)

    def _banner(self, view: OperatorView) -> None:
        high = self._text * 7 // 2
        corner = (self._at.left + self._at.width, self._y + high)
        cv2.rectangle(self._screen, (self._at.left, self._y), corner, PHASE_COLOURS[view.phase], cv2.FILLED)
        inside = self._at.left + self._text // 2
        self._write(view.phase.value, inside, self._y + self._text * 3 // 2, (0, 0, 0), self._text, 600)
        self._write(view.hint, inside, self._y + self._text * 14 // 5, (0, 0, 0), self._text * 4 // 5)
        self._y += high + self._text // 2

    def _reason(self, view: OperatorView) -> None:
        if view.kind is LeaseKind.HARD_RESET:
            self._line(view.reason, YELLOW)
            return
        self._line(view.question or view.reason, YELLOW if view.question else ORANGE)
        if not isnan(view.uncertainty) and view.threshold > 0:
            self._bar(view.uncertainty, view.threshold)

    def _bar(self, uncertainty: float, threshold: float) -> None:
        """Draw a bar whose middle is the threshold."""
        left, high = self._at.left, self._text // 2
        right = left + min(self._at.width, 16 * self._text)
        filled = left + int(np.clip(uncertainty / threshold / 2, 0, 1) * (right - left))
        cv2.rectangle(self._screen, (left, self._y), (right, self._y + high), FIELD, cv2.FILLED)
        colour = uncertainty_colour(uncertainty, threshold)
        cv2.rectangle(self._screen, (left, self._y), (filled, self._y + high), colour, cv2.FILLED)
        middle = (left + right) // 2
        cv2.line(self._screen, (middle, self._y - 2), (middle, self._y + high + 2), TEXT, 2)
        self._y += high + self._text // 2

    def _futures(self, strip_HW3: NDArray[np.uint8], end_y: int) -> None:
        """Draw the film strip with its caption, as large as fits above `end_y`; nothing where there is no room."""
        rows, columns = strip_HW3.shape[:2]
        scale = min(self._at.width / columns, (end_y - self._y - 2 * self._text) / rows)
        width, height = int(scale * columns), int(scale * rows)
        if min(width, height) < 1:
            return
        self._line(FUTURES, MUTED, self._text * 7 // 8)
        self._screen[self._y : self._y + height, self._at.left : self._at.left + width] = cv2.resize(
            strip_HW3, (width, height), interpolation=cv2.INTER_AREA
        )

    def _keys(self) -> int:
        """Draw the list of keys and the stop button at the lower end, and return where the list begins."""
        stop, small = self._stop, self._text * 7 // 8
        across = max(1, self._at.width // (11 * small))
        rows = -(-len(KEYS) // across)
        top = max(self._y, stop.top - self._text // 2 - rows * small * 3 // 2)
        for index, (key, action) in enumerate(KEYS):
            x = self._at.left + (index % across) * 11 * small
            self._key(key, action, x, top + (index // across) * small * 3 // 2 + small, small)
        corners = (stop.left, stop.top), (stop.left + stop.width, stop.top + stop.height)
        cv2.rectangle(self._screen, *corners, VERMILION, cv2.FILLED)
        self._write(STOP, stop.left + self._text // 2, stop.top + self._text * 8 // 5, (0, 0, 0), self._text, 700)
        return top

    def _key(self, key: str, action: str, x: int, y: int, size: int) -> None:
        """Write a key and what it does."""
        end, _ = self._write(key, x, y, YELLOW, size, 600)
        self._write(f" {action}", end, y, TEXT, size)

    def _line(self, text: str, colour: Colour, size: int | None = None) -> None:
        """Write a line; a long one is wrapped."""
        size = size or self._text
        _, last = self._write(text, self._at.left, self._y + size, colour, size)
        self._y = last + size // 2

    def _write(self, text: str, x: int, y: int, colour: Colour, size: int, weight: int = 400) -> tuple[int, int]:
        """Write text and return where it ends."""
        (end_x, end_y), _ = cv2.putText(
            self._screen,
            text,
            (x, y),
            colour,
            FONT,
            size,
            weight,
            cv2.PUT_TEXT_WRAP,
            (x, self._at.left + self._at.width),
        )
        return int(end_x), int(end_y)


def _centred(picture: NDArray[np.uint8], text: str, size: int, colour: Colour = TEXT) -> None:
    height, width = picture.shape[:2]
    (left, _, wide, _) = cv2.getTextSize((width, height), text, (0, 0), FONT, size, 600)
    if wide > MAX_TEXT_SHARE * width:
        size = int(size * MAX_TEXT_SHARE * width / wide)
        (left, _, wide, _) = cv2.getTextSize((width, height), text, (0, 0), FONT, size, 600)
    cv2.putText(picture, text, ((width - wide) // 2 - left, height // 2), colour, FONT, size, 600)


def _listed(robots: tuple[str, ...]) -> str:
    """Return the first robots and the number of the others."""
    shown = ", ".join(robots[:3])
    return f"{shown} and {len(robots) - 3} more" if len(robots) > 3 else shown or "none"
