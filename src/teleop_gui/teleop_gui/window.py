"""An operator's window: OpenCV shows it and tells of mouse and keys."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from teleop_gui.operator import Operator
from teleop_gui.screen import draw_screen, layout

WIDTH, HEIGHT = 1280, 720
SPACE = 32
PRINTABLE = range(33, 127)
"""Codes of keys with a letter; cursor keys and the like have larger ones."""
REPEAT_S = 0.15
"""OpenCV tells of no release, but of a held key again and again: faster than this, and faster than anybody taps."""
SILENT_S = 1.0
"""A key counts as pressed again after so long, in which a held one would have been repeated."""


class Window:
    """Shows one operator what there is to see, and tells the operator's model what they do."""

    def __init__(self, operator: Operator, ratio: float, clock: Callable[[], float]) -> None:
        """`ratio` is the video's columns per row. Call everything from one thread."""
        self.title = f"fleet operator {operator.human}"
        self._operator = operator
        self._ratio = ratio
        self._clock = clock
        self._told_s: dict[int, float] = {}
        cv2.namedWindow(self.title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self.title, WIDTH, HEIGHT)
        self._size = WIDTH, HEIGHT
        cv2.setMouseCallback(self.title, self._on_mouse)

    def refresh(self) -> bool:
        """Show what there is now, and pass on what has been done since the last call; False once the window is closed."""
        if not self._is_open():
            return False
        cv2.imshow(self.title, draw_screen(self._operator.sight(), *self._size, self._ratio)[..., ::-1])
        while (key := cv2.waitKeyEx(1)) >= 0:
            self._on_key(key)
        if not self._is_open():
            return False
        _, _, *size = cv2.getWindowImageRect(self.title)
        self._size = size[0], size[1]
        return True

    def close(self) -> None:
        """Take the window away; may be called again."""
        if self._is_open():
            cv2.destroyWindow(self.title)
            cv2.waitKey(1)

    def _is_open(self) -> bool:
        try:
            return bool(cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1)
        except cv2.error:  # there is no window left at all
            return False

    def _on_mouse(self, event: int, x: int, y: int, _flags: int, _: object) -> None:
        places = layout(*self._size, self._ratio)
        place, pressed = places.picture.share(x, y), event == cv2.EVENT_LBUTTONDOWN
        if pressed and places.stop.share(x, y):
            self._operator.stop()
        elif pressed and place:
            self._operator.click(*place)
        elif event == cv2.EVENT_MOUSEMOVE and place:
            self._operator.point(*place)
        elif event == cv2.EVENT_MOUSEMOVE:
            self._operator.point_away()

    def _on_key(self, key: int) -> None:
        now_s = self._clock()
        silent_s = now_s - self._told_s.get(key, float("-inf"))
        self._told_s[key] = now_s
        if key == SPACE and silent_s <= REPEAT_S:
            self._operator.hold()
        elif key in PRINTABLE and silent_s > SILENT_S:
            self._operator.press(chr(key))
