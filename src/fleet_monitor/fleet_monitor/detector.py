"""The Protocol of detectors, which score how likely it is that a robot needs a human.

B robots or frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fleet_contract.validation import StrictModel
from fleet_learning.optimization import OnStep
from fleet_monitor.foresight import ForeseenEpisode, Foresight
from fleet_monitor.vote import AT_ONCE, Vote
from fleet_monitor.world_model import WorldModel


class Detector(Protocol):
    """Scores what robots see and may see soon. Immutable: learning returns another one."""

    kind: ClassVar[str]
    """Name of the detector and of its signal."""
    vote: ClassVar[Vote] = AT_ONCE
    """The vote over a robot's last frames."""
    needs_images: ClassVar[bool] = False
    """Whether it scores images, and no states."""
    Config: ClassVar[type[StrictModel]]
    """What a file says of the detector besides its tensors."""
    config: StrictModel
    """An instance of `Config`."""

    @classmethod
    def untrained(cls, model: WorldModel, seed: int) -> Self:
        """Return a detector that has seen nothing."""

    @classmethod
    def restored(cls, config: Any, tensors: Mapping[str, Tensor], model: WorldModel) -> Self:
        """Return the detector of a file; `config` is an instance of `Config`.

        Raises:
            KeyError, RuntimeError: the tensors are not those of the config.
        """

    def tensors(self) -> dict[str, Tensor]:
        """Return what `restored` needs."""

    def fitted(self, episodes: Sequence[ForeseenEpisode], *, seed: int, on_step: OnStep | None = None) -> Self:
        """Return the detector that has also learned from the episodes of another round.

        A detector remembers what it needs of earlier rounds. Tasks and detectors that the round teaches nothing stay as they are.

        Args:
            episodes: episodes of the round. No threshold may be chosen from them later.
            seed: seed of all randomness.
            on_step: called after every gradient step.

        Raises:
            InputError: there are too few episodes for the first round of a task.
        """

    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        """Return scores (B,); larger is worse, and NaN is no score.

        Raises:
            InputError: the detector does not know a task.
        """
