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
"""Number of pictures that devices and streams may buffer: a picture carries the heartbeat of so many pictures before."""
JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
"""JPEG parameters. With quality 85 and chroma subsampling, twice as many pushes of the policies fail."""
REOPEN_S = 0.5
"""Seconds between two attempts to open the camera."""
OPEN_MS = READ_MS = 2000
"""Timeouts of opening and reading, ms."""


class Camera:
    """Stores the newest picture. Runs a thread until it is closed."""

    def __init__(self, source: str, newest_heartbeat: Callable[[], int]) -> None:
        """Open the camera; `newest_heartbeat` returns the number of the newest heartbeat."""
        self._source = source
        self._newest_heartbeat = newest_heartbeat
        self._lock = threading.Lock()
        self._newest: tuple[int, bytes] | None = None
        self._taken_s = -np.inf
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {source}", daemon=True)
        self._thread.start()

    @property
    def age_s(self) -> float:
        """Seconds since the last picture that differs from the one before: a working camera's noise always changes."""
        with self._lock:
            return time.monotonic() - self._taken_s

    def take(self) -> tuple[int, bytes] | None:
        """Return the newest picture as heartbeat and JPEG, once; None if there is no newer one than at the last call."""
        with self._lock:
            newest, self._newest = self._newest, None
            return newest

    def close(self) -> None:
        """Close the camera; a read that hangs ends with the process."""
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
                    self._read(capture)
                except cv2.error as error:
                    print(f"camera {self._source}: {error}", file=sys.stderr)
            capture.release()
            self._closing.wait(REOPEN_S)

    def _read(self, capture: cv2.VideoCapture) -> None:
        """Read pictures until the camera sends no more."""
        heartbeats = deque([self._newest_heartbeat()] * BUFFERED, maxlen=BUFFERED)
        previous_HW3: NDArray[np.uint8] | None = None
        while not self._closing.is_set():
            heartbeat = heartbeats[0]
            heartbeats.append(self._newest_heartbeat())
            read, picture_HW3 = capture.read()
            if not read:
                return
            if previous_HW3 is not None and np.array_equal(picture_HW3, previous_HW3):
                continue
            previous_HW3 = np.asarray(picture_HW3, dtype=np.uint8)
            _, jpeg = cv2.imencode(".jpg", picture_HW3, JPEG)
            with self._lock:
                self._newest = heartbeat, jpeg.tobytes()
                self._taken_s = time.monotonic()
