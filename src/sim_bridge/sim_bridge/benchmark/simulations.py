"""Many simulations of one model, whoever computes them: what the tasks use of `mujoco.batch.Batch`, which is one of them.

I some of the simulations, V degrees of freedom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim_bridge.headless_mujoco import mujoco


class Simulations(Protocol):
    """N simulations that do not know of each other."""

    model: mujoco.MjModel

    @property
    def nsim(self) -> int:
        """N."""

    def bind(self, name: str) -> NDArray[Any]:
        """A field of MjData, (N, ...), which stays up to date; what is written to states and controls is used."""

    def step(self, ids: NDArray[np.int64], nstep: int = 1, stage: int = 0) -> None:
        """Let some of them go on for so many time steps, then compute what follows from the new state up to a stage."""

    def forward(self, ids: NDArray[np.int64]) -> None:
        """Compute what follows from the states of some of them."""

    def reset(self, ids: NDArray[np.int64], *, stage: int) -> None:
        """Put some of them into the model's default state."""

    def jac(
        self, body: int, point: NDArray[np.float64], ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Jacobians (I, 3, V) of points (I, 3) of a body along and about the world's axes."""

    def get_data(self, sim: int, data: mujoco.MjData) -> object:
        """Write one of them into `data`."""
