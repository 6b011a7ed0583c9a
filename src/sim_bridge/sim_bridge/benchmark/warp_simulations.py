"""Simulations on a GPU, by MuJoCo Warp; states are on the host between two control steps, where the tasks read and write them.

I some of the N simulations, V degrees of freedom.
"""

from __future__ import annotations

from typing import Any

import mujoco_warp
import numpy as np
import warp
from numpy.typing import NDArray

from sim_bridge.headless_mujoco import Batch, mujoco

STATES = ("qpos", "qvel", "ctrl", "qacc_warmstart")
ON_DEVICE = ("sensordata", "actuator_force")
"""Outputs that follow from forces. Others follow from the positions alone, and are computed on the host."""


class WarpSimulations:
    """`Simulations`. All go on at once; those that are not meant get their state back."""

    def __init__(self, model: mujoco.MjModel, robots: int) -> None:
        self.model = model
        self._host = Batch(model, robots, 1)
        self._model = mujoco_warp.put_model(model)
        self._data = mujoco_warp.make_data(model, nworld=robots)
        self._arrays: dict[str, NDArray[Any]] = {}
        for name in (*STATES, *ON_DEVICE):
            self._arrays[name] = np.array(getattr(self._data, name).numpy(), dtype=np.float64)
        self._step_graph = self._captured(mujoco_warp.step)
        self._forward_graph = self._captured(mujoco_warp.forward)
        self.reset(np.arange(robots))

    @property
    def nsim(self) -> int:
        """N."""
        return int(self._host.nsim)

    def bind(self, name: str) -> NDArray[Any]:
        """See `Simulations.bind`."""
        return self._arrays[name] if name in self._arrays else self._host.bind(name)

    def step(self, ids: NDArray[np.int64], nstep: int = 1, stage: int = 0) -> None:
        """See `Simulations.step`; all stages are computed."""
        self._upload()
        for _ in range(nstep):
            self._run(self._step_graph, mujoco_warp.step)
        for name in STATES:
            self._arrays[name][ids] = getattr(self._data, name).numpy()[ids]
        self._download(ids)
        if stage:
            self._look(ids)

    def forward(self, ids: NDArray[np.int64]) -> None:
        """See `Simulations.forward`."""
        self._upload()
        self._run(self._forward_graph, mujoco_warp.forward)
        self._download(ids)
        self._look(ids)

    def reset(self, ids: NDArray[np.int64], *, stage: int = 0) -> None:  # noqa: ARG002 - whoever resets writes, and calls forward
        """See `Simulations.reset`."""
        for name in STATES:
            self._arrays[name][ids] = self.model.qpos0 if name == "qpos" else 0.0

    def jac(
        self, body: int, point: NDArray[np.float64], ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Simulations.jac`."""
        along_I3V, about_I3V = self._host.jac(body, point, ids)
        return along_I3V, about_I3V

    def get_data(self, sim: int, data: mujoco.MjData) -> object:
        """See `Simulations.get_data`."""
        return self._host.get_data(sim, data)

    def _upload(self) -> None:
        for name in STATES:
            getattr(self._data, name).assign(self._arrays[name].astype(np.float32))

    def _download(self, ids: NDArray[np.int64]) -> None:
        for name in ON_DEVICE:
            self._arrays[name][ids] = getattr(self._data, name).numpy()[ids]

    def _look(self, ids: NDArray[np.int64]) -> None:
        """Compute on the host what follows from the positions."""
        for name in ("qpos", "qvel"):
            self._host.bind(name)[ids] = self._arrays[name][ids]
        self._host.forward(ids, mujoco.mjtStage.mjSTAGE_POS.value)

    def _captured(self, what: Any) -> Any:
        """On a GPU, the kernels of one call, to be launched again at once."""
        if not warp.get_device().is_cuda:
            return None
        what(self._model, self._data)
        with warp.ScopedCapture() as capture:
            what(self._model, self._data)
        return capture.graph

    def _run(self, graph: Any, what: Any) -> None:
        if graph is None:
            what(self._model, self._data)
        else:
            warp.capture_launch(graph)
