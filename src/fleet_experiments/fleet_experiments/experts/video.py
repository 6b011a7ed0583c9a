"""The expert of a benchmark task at work, to be looked at: as a video, or in MuJoCo's viewer.

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
from fleet_supervisors.supervisors import SUPERVISORS, make_supervisor
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.headless_mujoco import mujoco

FRAMES_PER_S = 30
HEIGHT, WIDTH = 480, 640
CLOSE_S = 10.0


def styles(task: str) -> list[str]:
    """In which experts do the task."""
    return list(SUPERVISORS[task])


class Performance:
    """One robot that an expert drives, and who begins again after a violation."""

    def __init__(self, task: str, style: str, contract: RobotContract, seed: int) -> None:
        self._fleet = SimulatedFleet(KINDS[task], contract, 1, np.inf)
        self._expert = make_supervisor(task, style, contract, seed, 0)
        self._seed = seed
        self._rate_hz = KINDS[task].rate_hz
        self.model = KINDS[task].model()
        self.data = mujoco.MjData(self.model)

    def frames(self, seconds: float) -> Iterator[None]:
        """At every frame of so long, `data` is what there is to see."""
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
    """Write an MP4 video, H.264, that browsers play."""
    renderer = mujoco.Renderer(performance.model, HEIGHT, WIDTH)
    try:
        with av.open(path, "w", format="mp4") as container:
            rate = Fraction(FRAMES_PER_S)
            stream = container.add_stream("libx264", rate=rate, options={"crf": "26"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for _ in performance.frames(seconds):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(_drawn(renderer, performance), format="rgb24")))
            container.mux(stream.encode())
    finally:
        renderer.close()


def watch(performance: Performance, seconds: float) -> None:
    """Show it in a window, as fast as it goes, until it ends or the window is closed."""
    with _window(performance.model, performance.data) as window:
        for _ in performance.frames(seconds):
            begun_s = time.monotonic()
            if not window.is_running():
                return
            window.sync()
            time.sleep(max(0.0, 1 / FRAMES_PER_S - (time.monotonic() - begun_s)))


@contextmanager
def _window(model: mujoco.MjModel, data: mujoco.MjData) -> Iterator[Any]:
    """MuJoCo's viewer. It draws in a thread of its own, which must have ended before the process does."""
    from mujoco import viewer

    others = set(threading.enumerate())
    window = viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)
    drawing = set(threading.enumerate()) - others
    try:
        with window:
            window.cam.type, window.cam.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, model.camera("side").id
            yield window
    finally:
        for thread in drawing:
            thread.join(CLOSE_S)


def _drawn(renderer: mujoco.Renderer, performance: Performance) -> NDArray[np.uint8]:
    """The picture (H, W, 3). Without shadows and reflections a processor draws ten times as fast."""
    flags = mujoco.mjtRndFlag
    for flag in (flags.mjRND_SHADOW, flags.mjRND_REFLECTION):
        renderer.scene.flags[int(flag)] = False
    renderer.update_scene(performance.data, camera="side")
    return np.asarray(renderer.render())
