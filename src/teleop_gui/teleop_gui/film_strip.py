"""The film strip of the futures that a monitor imagined when an alarm began.

H image rows, W image columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_common.jpeg import from_jpeg


@dataclass(frozen=True, eq=False)
class FilmStrip:
    """An image with a row of frames per future and a column per imagined step."""

    jpeg: bytes
    """The image as it was received."""
    pixels_HW3: NDArray[np.uint8]
    """The same image, red green blue."""


def film_strip(jpeg: bytes) -> FilmStrip:
    """Return the strip in a JPEG.

    Raises:
        ValueError: the bytes are not a whole JPEG.
    """
    return FilmStrip(jpeg, from_jpeg(jpeg))
