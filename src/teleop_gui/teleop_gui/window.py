"""An operator's window, with OpenCV."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from teleop_gui.operator import Operator
from teleop_gui.screen import draw_screen, layout

WIDTH, HEIGHT = 1280, 720
"""Initial size, pixels."""
SPACE = 32
PRINTABLE = range(33, 127)
"""Key codes of printable characters; cursor and function keys have larger codes."""
REPEAT_S = 0.15
"""Two presses within this time are a held key: OpenCV reports no release, but keyboards repeat held keys this fast."""
SILENT_S = 1.0
"""Seconds without repetition after which a key counts as pressed again."""


class Window:
    """Shows an operator's view, and passes mouse and keys to the operator."""

    def __init__(self, operator: Operator, ratio: float, clock: Callable[[], float]) -> None:
        """Open the window for a video of `ratio` columns per row. Call all methods from the same thread."""
        self.title = f"fleet operator {operator.human}"
        self._operator = operator
        self._ratio = ratio
        self._clock = clock
        self._pressed_s: dict[int, float] = {}
        cv2.namedWindow(self.title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self.title, WIDTH, HEIGHT)
        self._size = WIDTH, HEIGHT
        cv2.setMouseCallback(self.title, self._on_mouse)

    def refresh(self) -> bool:
        """Draw the current view and pass on input since the last call; return False once the window is closed."""
        if not self._is_open():
            return False
        cv2.imshow(self.title, draw_screen(self._operator.view(), *self._size, self._ratio)[..., ::-1])
        while (key := cv2.waitKeyEx(1)) >= 0:
            self._on_key(key)
        if not self._is_open():
            return False
        _, _, *size = cv2.getWindowImageRect(self.title)
        self._size = size[0], size[1]
        return True

    def close(self) -> None:
        """Close the window; further calls do nothing."""
        if self._is_open():
            cv2.destroyWindow(self.title)
            cv2.waitKey(1)

    def _is_open(self) -> bool:
        try:
            return bool(cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1)
        except cv2.error:  # no window is left
            return False

    def _on_mouse(self, event: int, x: int, y: int, _flags: int, _: object) -> None:
        regions = layout(*self._size, self._ratio)
        position, pressed = regions.picture.share(x, y), event == cv2.EVENT_LBUTTONDOWN
        if pressed and regions.stop.share(x, y):
            self._operator.stop()
        elif pressed and position:
            self._operator.click(*position)
        elif event == cv2.EVENT_MOUSEMOVE and position:
            self._operator.point(*position)
        elif event == cv2.EVENT_MOUSEMOVE:
            self._operator.point_away()

    def _on_key(self, key: int) -> None:
        now_s = self._clock()
        silent_s = now_s - self._pressed_s.get(key, float("-inf"))
        self._pressed_s[key] = now_s
        if key == SPACE and silent_s <= REPEAT_S:
            self._operator.hold()
        elif key in PRINTABLE and silent_s > SILENT_S:
            self._operator.press(chr(key))
