"""A screen that nobody sees, with a person at it: Xvfb and xdotool."""

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

PATIENCE_S = 30.0
TOOLS = ("Xvfb", "xdotool")


@contextmanager
def display(width: int = 1280, height: int = 720) -> Iterator[str]:
    """An X server of its own; skips where there is none."""
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
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


class Person:
    """Hands at mouse and keyboard, eyes on the screen."""

    def __init__(self, display: str) -> None:
        self._display = display

    def do(self, *words: object) -> str:
        """What xdotool does."""
        environment = {**os.environ, "DISPLAY": self._display}
        return subprocess.run(
            ["xdotool", *map(str, words)], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def windows(self, title: str) -> list[str]:
        """Those that are shown."""
        environment = {**os.environ, "DISPLAY": self._display}
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", title],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        return found.stdout.split()

    def face(self, title: str, meanwhile: Callable[[], object] = lambda: time.sleep(0.05)) -> str:
        """Wait for a window and turn to it; what it is called by.

        Where no window manager runs, Qt at times misses that its window is there, and paints nothing until it is shown again.
        """
        window = until(lambda: self.windows(title), meanwhile)[0]
        end = time.monotonic() + PATIENCE_S
        while not self.look().any() and time.monotonic() < end:
            self.do("windowunmap", "--sync", window, "windowmap", "--sync", window)
            painted = time.monotonic() + 0.5
            while time.monotonic() < painted:
                meanwhile()
        self.do("windowmove", window, 0, 0, "windowfocus", "--sync", window)
        return window

    def close(self, window: str) -> None:
        """Ask the window to close, as a window manager does when somebody clicks on its cross."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype, x11.XInternAtom.restype = ctypes.c_void_p, ctypes.c_ulong
        server = ctypes.c_void_p(x11.XOpenDisplay(self._display.encode()))
        protocols, delete = (x11.XInternAtom(server, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        # XClientMessageEvent: type, serial, send_event, display, window, message_type, format, data.
        message = struct.pack("@iLiPLLi5l", 33, 0, 1, server.value, int(window), protocols, 32, delete, 0, 0, 0, 0)
        x11.XSendEvent(server, ctypes.c_ulong(int(window)), 0, 0, message.ljust(192, b"\0"))
        x11.XCloseDisplay(server)

    def look(self, file: Path | None = None) -> np.ndarray:
        """The screen, (H, W, 3); written into the file as well, if there is one."""
        image = ImageGrab.grab(xdisplay=self._display).convert("RGB")
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            image.quantize(64).save(file)
        return np.asarray(image)


def until(happens: Callable[[], object], meanwhile: Callable[[], object] = lambda: time.sleep(0.05)) -> object:
    """Wait for it; what it gives."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = happens()
        if found:
            return found
        meanwhile()
    raise AssertionError("it did not happen")
