"""The overhead camera of a simulated workspace. H image rows, W image columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_bridge.headless_mujoco import mujoco

if TYPE_CHECKING:
    from numpy.typing import NDArray


class OverheadCamera:
    """Renders one workspace after the other. Use it only in the thread that creates it."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Images have the size of the model's offscreen buffers."""
        self._model = model
        self._data = mujoco.MjData(model)
        self._height, self._width = int(model.vis.global_.offheight), int(model.vis.global_.offwidth)
        self._renderer = mujoco.Renderer(model, self._height, self._width)
        # Without shadows and reflections, rendering on a CPU is ten times as fast.
        flags = mujoco.mjtRndFlag
        for flag in (flags.mjRND_SHADOW, flags.mjRND_REFLECTION, flags.mjRND_SKYBOX):
            self._renderer.scene.flags[int(flag)] = False

    @property
    def data(self) -> mujoco.MjData:
        """The state that `draw` renders: write a workspace's state into it."""
        return self._data

    def draw(self) -> NDArray[np.uint8]:
        """Return the image of `data`, (H, W, 3), red green blue."""
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._renderer.update_scene(self._data, camera="overhead")
        return np.asarray(self._renderer.render())

    def close(self) -> None:
        """Free the renderer's context."""
        self._renderer.close()
