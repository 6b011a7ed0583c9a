"""The base of simulations whose physics runs on a GPU or in another process.

Between two control steps the states are on the host, where tasks read and write them.

I some of the N simulations, V degrees of freedom.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from sim_bridge.benchmark.simulations import Simulations
from sim_bridge.headless_mujoco import Batch, mujoco

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class SimulatedElsewhere(Simulations, ABC):
    """Simulations that are all stepped together; the states of those that should not be stepped are restored.

    Fields that follow from the states and are not returned with them are computed on the host, up to a stage.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        robots: int,
        states: Sequence[str],
        outputs: Sequence[str] = (),
        stage: mujoco.mjtStage | None = mujoco.mjtStage.mjSTAGE_POS,
    ) -> None:
        """Create the simulations on the host.

        Args:
            model: model of one robot.
            robots: number of simulations.
            states: fields of MjData that `advance` takes and returns.
            outputs: fields of MjData that `advance` returns only.
            stage: stage up to which other fields are computed on the host (None: all stages).
        """
        self.model = model
        self._host = Batch(model, robots, 1)
        self._stages = () if stage is None else (stage.value,)
        self._states = tuple(states)
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.array(self._host.bind(name), dtype=np.float64) for name in (*states, *outputs)
        }

    @abstractmethod
    def advance(self, substeps: int) -> Mapping[str, NDArray[Any]]:
        """Step all simulations and return their states and outputs, (N, ...)."""

    @abstractmethod
    def derive(self) -> Mapping[str, NDArray[Any]]:
        """Return the outputs of the present states, (N, ...)."""

    @property
    @override
    def nsim(self) -> int:
        return int(self._host.nsim)

    @override
    def bind(self, name: str) -> NDArray[Any]:
        return self._arrays[name] if name in self._arrays else self._host.bind(name)

    @override
    def step(self, ids: NDArray[np.int64], nstep: int = 1, stage: int = 0) -> None:
        self._store(ids, self.advance(nstep))
        if stage:
            self._update_host(ids)

    @override
    def forward(self, ids: NDArray[np.int64]) -> None:
        self._store(ids, self.derive())
        self._update_host(ids)

    @override
    def reset(self, ids: NDArray[np.int64], *, stage: int = 0) -> None:
        for name in self._states:
            self._arrays[name][ids] = self.model.qpos0 if name == "qpos" else 0.0

    @override
    def jac(
        self, body: int, point: NDArray[np.float64], ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        along_I3V, about_I3V = self._host.jac(body, point, ids)
        return along_I3V, about_I3V

    @override
    def get_data(self, sim: int, data: mujoco.MjData) -> object:
        return self._host.get_data(sim, data)

    @override
    def close(self) -> None:
        """Do nothing: by default there is nothing to free."""

    def _store(self, ids: NDArray[np.int64], after: Mapping[str, NDArray[Any]]) -> None:
        for name, values in after.items():
            self._arrays[name][ids] = values[ids]

    def _update_host(self, ids: NDArray[np.int64]) -> None:
        for name in ("qpos", "qvel", "ctrl"):
            self._host.bind(name)[ids] = self._arrays[name][ids]
        self._host.forward(ids, *self._stages)
