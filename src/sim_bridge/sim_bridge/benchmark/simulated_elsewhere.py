"""Simulations whose physics runs elsewhere; states are on the host between two control steps, where tasks read and write them.

I some of the N simulations, V degrees of freedom.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from sim_bridge.headless_mujoco import Batch, mujoco

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class SimulatedElsewhere(ABC):
    """`Simulations`. All go on at once; those that are not meant get their state back.

    What follows from the states and does not come back with them is computed on the host, up to a stage.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        robots: int,
        states: Sequence[str],
        outputs: Sequence[str] = (),
        stage: mujoco.mjtStage | None = mujoco.mjtStage.mjSTAGE_POS,
    ) -> None:
        """`states` are fields of MjData that go there and come back, `outputs` such that only come back; None: all stages."""
        self.model = model
        self._host = Batch(model, robots, 1)
        self._stages = () if stage is None else (stage.value,)
        self._states = tuple(states)
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.array(self._host.bind(name), dtype=np.float64) for name in (*states, *outputs)
        }

    @abstractmethod
    def advance(self, substeps: int) -> Mapping[str, NDArray[Any]]:
        """Let all go on by so many time steps: states and outputs afterwards, (N, ...)."""

    @abstractmethod
    def derive(self) -> Mapping[str, NDArray[Any]]:
        """Outputs of the states as they are, (N, ...)."""

    @property
    def nsim(self) -> int:
        """N."""
        return int(self._host.nsim)

    def bind(self, name: str) -> NDArray[Any]:
        """See `Simulations.bind`."""
        return self._arrays[name] if name in self._arrays else self._host.bind(name)

    def step(self, ids: NDArray[np.int64], nstep: int = 1, stage: int = 0) -> None:
        """See `Simulations.step`; all stages are computed."""
        self._keep(ids, self.advance(nstep))
        if stage:
            self._look(ids)

    def forward(self, ids: NDArray[np.int64]) -> None:
        """See `Simulations.forward`."""
        self._keep(ids, self.derive())
        self._look(ids)

    def reset(self, ids: NDArray[np.int64], *, stage: int = 0) -> None:  # noqa: ARG002 - whoever resets writes, and calls forward
        """See `Simulations.reset`."""
        for name in self._states:
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

    def close(self) -> None:  # noqa: B027 - most have nothing to free
        """Free what is elsewhere."""

    def _keep(self, ids: NDArray[np.int64], after: Mapping[str, NDArray[Any]]) -> None:
        for name, values in after.items():
            self._arrays[name][ids] = values[ids]

    def _look(self, ids: NDArray[np.int64]) -> None:
        for name in ("qpos", "qvel", "ctrl"):
            self._host.bind(name)[ids] = self._arrays[name][ids]
        self._host.forward(ids, *self._stages)
