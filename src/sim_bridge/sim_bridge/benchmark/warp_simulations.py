"""Simulations on a GPU with MuJoCo Warp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco_warp
import numpy as np
import warp
from typing_extensions import override

from sim_bridge.benchmark.simulated_elsewhere import SimulatedElsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim_bridge.headless_mujoco import mujoco

STATES = ("qpos", "qvel", "ctrl", "qacc_warmstart")
OUTPUTS = ("sensordata", "actuator_force")
"""Fields that follow from forces."""


class WarpSimulations(SimulatedElsewhere):
    """Simulations in MuJoCo Warp; its steps are captured as CUDA graphs."""

    def __init__(self, model: mujoco.MjModel, robots: int) -> None:
        super().__init__(model, robots, STATES, OUTPUTS)
        self._model = mujoco_warp.put_model(model)
        self._data = mujoco_warp.make_data(model, nworld=robots)
        self._step_graph = self._captured(mujoco_warp.step)
        self._forward_graph = self._captured(mujoco_warp.forward)
        self.reset(np.arange(robots))

    @override
    def advance(self, substeps: int) -> Mapping[str, NDArray[Any]]:
        self._upload()
        for _ in range(substeps):
            self._run(self._step_graph, mujoco_warp.step)
        return {name: getattr(self._data, name).numpy() for name in (*STATES, *OUTPUTS)}

    @override
    def derive(self) -> Mapping[str, NDArray[Any]]:
        self._upload()
        self._run(self._forward_graph, mujoco_warp.forward)
        return {name: getattr(self._data, name).numpy() for name in OUTPUTS}

    def _upload(self) -> None:
        for name in STATES:
            getattr(self._data, name).assign(self._arrays[name].astype(np.float32))

    def _captured(self, function: Any) -> Any:
        """Return a CUDA graph of one call of the function; None without a GPU."""
        if not warp.get_device().is_cuda:
            return None
        function(self._model, self._data)
        with warp.ScopedCapture() as capture:
            function(self._model, self._data)
        return capture.graph

    def _run(self, graph: Any, function: Any) -> None:
        if graph is None:
            function(self._model, self._data)
        else:
            warp.capture_launch(graph)
