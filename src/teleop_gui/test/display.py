"""A virtual screen (Xvfb), and a person who uses it (xdotool)."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageGrab

TIMEOUT_S = 120.0
"""Limit for what takes less than a second on an idle machine."""
TOOLS = ("Xvfb", "xdotool")


@contextmanager
def display(width: int = 1280, height: int = 720) -> Iterator[str]:
    """Start an X server and yield its display; skip the test if Xvfb or xdotool is not installed."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (apt-get install xvfb xdotool)")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


class Person:
    """Uses mouse and keyboard, and sees the screen."""

    def __init__(self, display: str) -> None:
        self._display = display

    def do(self, *words: object) -> str:
        """Run xdotool and return its output."""
        environment = {**os.environ, "DISPLAY": self._display}
        return subprocess.run(
            ["xdotool", *map(str, words)], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def windows(self, title: str) -> list[str]:
        """Return the IDs of visible windows with this title."""
        environment = {**os.environ, "DISPLAY": self._display}
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", title],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        return found.stdout.split()

    def focus(self, title: str, meanwhile: Callable[[], object] = lambda: time.sleep(0.05)) -> str:
        """Wait for a window, give it the focus, and return its ID.

        Without a window manager, Qt sometimes misses that its window is mapped, and paints nothing until it is mapped again.
        """
        window = until(lambda: self.windows(title), meanwhile)[0]
        end = time.monotonic() + TIMEOUT_S
        while not self.screenshot().any() and time.monotonic() < end:
            self.do("windowunmap", "--sync", window, "windowmap", "--sync", window)
            painted = time.monotonic() + 0.5
            while time.monotonic() < painted:
                meanwhile()
        self.do("windowmove", window, 0, 0, "windowfocus", "--sync", window)
        return window

    def close(self, window: str) -> None:
        """Send the window the message of a window manager whose close button is clicked."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype, x11.XInternAtom.restype = ctypes.c_void_p, ctypes.c_ulong
        server = ctypes.c_void_p(x11.XOpenDisplay(self._display.encode()))
        protocols, delete = (x11.XInternAtom(server, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        # XClientMessageEvent: type, serial, send_event, display, window, message_type, format, data.
        message = struct.pack("@iLiPLLi5l", 33, 0, 1, server.value, int(window), protocols, 32, delete, 0, 0, 0, 0)
        x11.XSendEvent(server, ctypes.c_ulong(int(window)), 0, 0, message.ljust(192, b"\0"))
        x11.XCloseDisplay(server)

    def screenshot(self, file: Path | None = None) -> np.ndarray:
        """Return the screen, (H, W, 3), RGB; also write it to the file if one is given."""
        image = ImageGrab.grab(xdisplay=self._display).convert("RGB")
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            image.quantize(64).save(file)
        return np.asarray(image)


def until(condition: Callable[[], object], meanwhile: Callable[[], object] = lambda: time.sleep(0.05)) -> object:
    """Wait until the condition returns something true, and return that."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        meanwhile()
    raise AssertionError(f"the condition was not met within {TIMEOUT_S:g} s")
