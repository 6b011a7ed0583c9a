"""Shows the expert of a benchmark task at work, as a video or in MuJoCo's viewer.

H image rows, W image columns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_supervisors.supervisors import make_supervisor, styles_of
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.headless_mujoco import mujoco

FRAMES_PER_S = 30
HEIGHT, WIDTH = 480, 640
CLOSE_S = 10.0
"""Longest wait for the viewer's threads to end, s."""


def styles(task: str) -> list[str]:
    """Return the styles in which experts do the task."""
    return list(styles_of(task))


class Performance:
    """One robot that an expert drives; it is hard reset after a violation."""

    def __init__(self, task: str, style: str, contract: RobotContract, seed: int) -> None:
        self._fleet = SimulatedFleet(KINDS[task], contract, 1, np.inf)
        self._expert = make_supervisor(task, style, contract, seed, 0)
        self._seed = seed
        self._rate_hz = KINDS[task].rate_hz
        self.model = KINDS[task].model()
        self.data = mujoco.MjData(self.model)

    def frames(self, seconds: float) -> Iterator[None]:
        """Simulate this many seconds and yield at every frame, when `data` is up to date."""
        step = self._fleet.reset(self._seed)
        self._expert.begin()
        ticks = 0
        for frame in range(round(seconds * FRAMES_PER_S)):
            while ticks < frame / FRAMES_PER_S * self._rate_hz:
                kind = ActionKind.HARD_RESET if step.violated_N[0] else ActionKind.MOVE
                step = self._fleet.step(np.array([kind]), self._expert.act(step.states_NS[0])[None])
                ticks += 1
            self._fleet.data(0, self.data)
            mujoco.mj_forward(self.model, self.data)
            yield


def film(performance: Performance, seconds: float, path: Path) -> None:
    """Write an MP4 video with H.264, which browsers can play."""
    renderer = mujoco.Renderer(performance.model, HEIGHT, WIDTH)
    try:
        with av.open(path, "w", format="mp4") as container:
            rate = Fraction(FRAMES_PER_S)
            stream = container.add_stream("libx264", rate=rate, options={"crf": "26"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for _ in performance.frames(seconds):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(_render(renderer, performance), format="rgb24")))
            container.mux(stream.encode())
    finally:
        renderer.close()


def watch(performance: Performance, seconds: float) -> None:
    """Show the performance in a window in real time until it ends or the window is closed."""
    with _window(performance.model, performance.data) as window:
        for _ in performance.frames(seconds):
            started_s = time.monotonic()
            if not window.is_running():
                return
            window.sync()
            time.sleep(max(0.0, 1 / FRAMES_PER_S - (time.monotonic() - started_s)))


@contextmanager
def _window(model: mujoco.MjModel, data: mujoco.MjData) -> Iterator[Any]:
    """Open MuJoCo's viewer. Its own thread must end before the process does."""
    from mujoco import viewer

    other_threads = set(threading.enumerate())
    window = viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)
    viewer_threads = set(threading.enumerate()) - other_threads
    try:
        with window:
            window.cam.type, window.cam.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, model.camera("side").id
            yield window
    finally:
        for thread in viewer_threads:
            thread.join(CLOSE_S)


def _render(renderer: mujoco.Renderer, performance: Performance) -> NDArray[np.uint8]:
    """Return the rendered image (H, W, 3). Without shadows and reflections a processor renders ten times as fast."""
    flags = mujoco.mjtRndFlag
    for flag in (flags.mjRND_SHADOW, flags.mjRND_REFLECTION):
        renderer.scene.flags[int(flag)] = False
    renderer.update_scene(performance.data, camera="side")
    return np.asarray(renderer.render())
