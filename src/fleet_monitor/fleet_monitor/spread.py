"""The detector of futures that differ from each other. B robots or frames, N imagined futures, W width of a latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_monitor.fixed_detector import FixedDetector
from fleet_monitor.foresight import Foresight


@dataclass(frozen=True)
class SpreadDetector(FixedDetector):
    """The root of the mean variance over futures of the last imagined latents, in their standard deviations over all data.

    PATO (Dass et al. 2023) asks a human where its imagined goals differ, or the members of its policy; the latter is the policy's
    own uncertainty.
    """

    kind: ClassVar[str] = "spread"

    @override
    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        last_BNW = foresight.futures_BNLW[:, :, -1] / foresight.model.dynamics.std_W
        spread: NDArray[np.float64] = last_BNW.var(1, correction=0).mean(1).sqrt().double().numpy()
        return spread
