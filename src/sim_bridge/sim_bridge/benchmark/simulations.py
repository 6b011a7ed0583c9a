"""The interface of many simulations of one model: the part of `mujoco.batch.Batch` that the tasks use, and `close`.

I some of the simulations, V degrees of freedom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim_bridge.headless_mujoco import mujoco


class Simulations(Protocol):
    """N independent simulations."""

    model: mujoco.MjModel

    @property
    def nsim(self) -> int:
        """The number of simulations, N."""

    def bind(self, name: str) -> NDArray[Any]:
        """Return a field of MjData, (N, ...), as a view that stays up to date; values written to states and controls are used."""

    def step(self, ids: NDArray[np.int64], nstep: int = 1, stage: int = 0) -> None:
        """Step some simulations `nstep` times, then compute the fields that follow from the new states up to a stage."""

    def forward(self, ids: NDArray[np.int64]) -> None:
        """Compute the fields that follow from the states of some simulations."""

    def reset(self, ids: NDArray[np.int64], *, stage: int) -> None:
        """Reset some simulations to the model's default state."""

    def jac(
        self, body: int, point: NDArray[np.float64], ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the Jacobians (I, 3, V) of points (I, 3) of a body, along and about the world's axes."""

    def get_data(self, sim: int, data: mujoco.MjData) -> object:
        """Write the state of one simulation into `data`."""

    def close(self) -> None:
        """Free all resources; may be called again."""
