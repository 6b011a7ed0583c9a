"""An operator's window: OpenCV shows it and tells of mouse and keys."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from teleop_gui.operator import Operator
from teleop_gui.screen import draw_screen, layout

WIDTH, HEIGHT = 1280, 720
SPACE = 32
KEY_BITS = 0xFF
REPEAT_S = 0.15
"""OpenCV tells of no release, but of a held key again and again: faster than this, and faster than anybody taps."""


class Window:
    """Shows one operator what there is to see, and tells the operator's model what they do."""

    def __init__(self, operator: Operator, ratio: float, clock: Callable[[], float]) -> None:
        """`ratio` is the video's columns per row. Call everything from one thread."""
        self.title = f"fleet operator {operator.human}"
        self._operator = operator
        self._ratio = ratio
        self._clock = clock
        self._space_s = float("-inf")
        cv2.namedWindow(self.title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self.title, WIDTH, HEIGHT)
        self._size = WIDTH, HEIGHT
        cv2.setMouseCallback(self.title, self._on_mouse)

    def refresh(self) -> bool:
        """Show what there is now, and pass on what has been done since the last call; False once the window is closed."""
        if not self._is_open():
            return False
        cv2.imshow(self.title, draw_screen(self._operator.sight(), *self._size, self._ratio)[..., ::-1])
        while (key := cv2.waitKey(1)) >= 0:
            self._on_key(key & KEY_BITS)
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
        place = layout(*self._size, self._ratio).picture.share(x, y)
        if place is None:
            return
        if event == cv2.EVENT_LBUTTONDOWN:
            self._operator.click(*place)
        elif event == cv2.EVENT_MOUSEMOVE:
            self._operator.point(*place)

    def _on_key(self, key: int) -> None:
        if key != SPACE:
            self._operator.press(chr(key))
            return
        now_s = self._clock()
        if now_s - self._space_s <= REPEAT_S:
            self._operator.hold()
        self._space_s = now_s
