"""The tables of one task: N simulations of its scene, and what happens on each. The kinds of tasks derive from it.

N robots of the task, I some of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.headless_mujoco import Batch, mujoco
from sim_bridge.overhead_camera import OverheadCamera
from sim_bridge.tabletop.failure import Failure
from sim_bridge.tabletop.scene import TIMESTEP_S, scene_model
from sim_bridge.tabletop.task import RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_bridge.tabletop.task import Task

SUBSTEPS = round(1 / RATE_HZ / TIMESTEP_S)
"""Physics steps per tick."""
FINGER_START_M = ((-0.17, 0.17), (-0.195, -0.18))
"""Ranges of x and y in which the finger starts."""

Size = tuple[int, int]
"""Width and height of images, pixels."""


class Table(ABC):
    """N tables of one task. A table whose finger does not move is not stepped, so that its state stays bit for bit the same."""

    def __init__(self, task: Task, robots: int) -> None:
        self.task = task
        model = scene_model(task, 1, 1)
        self._batch = Batch(model, robots, 1)
        self._qpos_NQ: NDArray[np.float64] = self._batch.bind("qpos")
        self._ctrl_N2: NDArray[np.float64] = self._batch.bind("ctrl")
        self._mocap_ids = {model.body(at).name: int(model.body(at).mocapid[0]) for at in range(model.nbody)}
        self._goals_N3, self._fixtures_N3 = self._mocap("goal"), self._mocap("fixture")
        self._addresses = {model.joint(at).name: int(model.joint(at).qposadr[0]) for at in range(model.njnt)}
        self._fingers_N2 = self._joint("finger_x", 2)
        self._cameras: dict[Size, OverheadCamera] = {}

    def _joint(self, name: str, dim: int) -> NDArray[np.float64]:
        """Return the positions, (N, dim), of joints that begin with this one; they are live and can be written."""
        return self._qpos_NQ[:, self._addresses[name] : self._addresses[name] + dim]

    def _mocap(self, name: str) -> NDArray[np.float64]:
        """Return the positions of a body that is placed, (N, 3); they are live and can be written."""
        positions_NM3: NDArray[np.float64] = self._batch.bind("mocap_pos")
        return positions_NM3[:, self._mocap_ids[name]]

    @abstractmethod
    def objects(self) -> NDArray[np.float64]:
        """Return x, y, cosine and sine of the yaw of what is moved, (N, 4), m and 1."""

    @abstractmethod
    def remaining(self) -> NDArray[np.float64]:
        """Return how far the objects still have to move, (N,), m."""

    @abstractmethod
    def arrived(self) -> NDArray[np.bool_]:
        """Return whether the task is completed, (N,)."""

    @abstractmethod
    def obstacles(self) -> NDArray[np.float64]:
        """Return x and y of what the robots have to go around, (N, 2), m: obstacle, post or pivot."""

    @abstractmethod
    def _arrange(self, robot: int, generator: np.random.Generator) -> None:
        """Place object, goal and fixture of one table at random."""

    def fallen(self) -> NDArray[np.int64]:
        """Return the `Failure` that has happened to the objects of each table, (N,)."""
        return np.full(len(self._qpos_NQ), Failure.NONE, dtype=np.int64)

    def fingers(self) -> NDArray[np.float64]:
        """Return x and y of the fingers, (N, 2), m."""
        return self._fingers_N2.copy()

    def goals(self) -> NDArray[np.float64]:
        """Return x and y of the goals, (N, 2), m."""
        return self._goals_N3[:, :2].copy()

    def start(self, robot: int, generator: np.random.Generator) -> None:
        """Start an episode at one table."""
        self._batch.reset([robot], stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        (low_x, high_x), (low_y, high_y) = FINGER_START_M
        self._fingers_N2[robot] = generator.uniform((low_x, low_y), (high_x, high_y))
        self._arrange(robot, generator)

    def move(self, robots_I: NDArray[np.int64], velocities_I2: NDArray[np.float64]) -> None:
        """Move fingers for one tick, m/s."""
        self._ctrl_N2[robots_I] = velocities_I2
        self._batch.step(robots_I, SUBSTEPS)

    def image(self, robot: int, size: Size) -> NDArray[np.uint8]:
        """Return the image of one table, (H, W, 3), red green blue."""
        if size not in self._cameras:
            self._cameras[size] = OverheadCamera(scene_model(self.task, *size))
        camera = self._cameras[size]
        self._batch.get_data(robot, camera.data)
        return camera.draw()

    def close(self) -> None:
        """Free the cameras; may be called again."""
        while self._cameras:
            self._cameras.popitem()[1].close()
