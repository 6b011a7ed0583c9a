"""A camera above a workspace: a device, or a stream over HTTP. H rows, W columns."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BUFFERED = 3
"""Pictures that devices and streams may hold back: a picture was taken after what was known so many pictures before."""
JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
"""Policies see what coarser pictures lose: with quality 85 and half the colours, twice as many pushes go wrong."""
REOPEN_S = 0.5
OPEN_MS = READ_MS = 2000


class Camera:
    """Keeps the newest picture. Runs a thread until it is closed."""

    def __init__(self, source: str, known: Callable[[], int]) -> None:
        """`known` is the newest beat that has been heard."""
        self._source = source
        self._known = known
        self._lock = threading.Lock()
        self._newest: tuple[int, bytes] | None = None
        self._taken_s = -np.inf
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {source}", daemon=True)
        self._thread.start()

    @property
    def age_s(self) -> float:
        """Since the newest picture that differs from the one before: a camera's noise never stands still."""
        with self._lock:
            return time.monotonic() - self._taken_s

    def take(self) -> tuple[int, bytes] | None:
        """The newest picture as JPEG, with the beat that it was taken after; None if it was taken from here before."""
        with self._lock:
            newest, self._newest = self._newest, None
            return newest

    def close(self) -> None:
        """Look no more; a read that hangs ends with the process."""
        self._closing.set()
        self._thread.join(READ_MS / 1000)

    def _run(self) -> None:
        while not self._closing.is_set():
            capture = cv2.VideoCapture()
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
            opened = (
                capture.open(self._source, cv2.CAP_FFMPEG, timeouts)
                if "://" in self._source
                else capture.open(self._source)
            )
            if opened:
                try:
                    self._look(capture)
                except cv2.error as error:
                    print(f"camera {self._source}: {error}", file=sys.stderr)
            capture.release()
            self._closing.wait(REOPEN_S)

    def _look(self, capture: cv2.VideoCapture) -> None:
        """Until the camera gives no more pictures."""
        beats = deque([self._known()] * BUFFERED, maxlen=BUFFERED)
        previous_HW3: NDArray[np.uint8] | None = None
        while not self._closing.is_set():
            beat = beats[0]
            beats.append(self._known())
            read, picture_HW3 = capture.read()
            if not read:
                return
            if previous_HW3 is not None and np.array_equal(picture_HW3, previous_HW3):
                continue
            previous_HW3 = np.asarray(picture_HW3, dtype=np.uint8)
            _, jpeg = cv2.imencode(".jpg", picture_HW3, JPEG)
            with self._lock:
                self._newest = beat, jpeg.tobytes()
                self._taken_s = time.monotonic()
