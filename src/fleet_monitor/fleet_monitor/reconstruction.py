"""The detector of images that the world model cannot reconstruct. B robots or frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_monitor.fixed_detector import FixedDetector
from fleet_monitor.foresight import Foresight


@dataclass(frozen=True)
class ReconstructionDetector(FixedDetector):
    """The mean squared error of the image's intensities, 0 to 1, behind the autoencoder (MoMaRT, Wong et al. 2021).

    MoMaRT trains a variational autoencoder of its own; here the world model's is shared.
    """

    kind: ClassVar[str] = "reconstruction"
    needs_images: ClassVar[bool] = True

    @override
    def scores(self, foresight: Foresight) -> NDArray[np.float64]:
        seen_BHWC = foresight.observations_B.astype(np.float64) / 255
        decoded_BHWC = foresight.model.decode(foresight.latents_BW) / 255
        errors: NDArray[np.float64] = np.square(seen_BHWC - decoded_BHWC).mean((1, 2, 3))
        return errors
