"""A world with nothing in it.

3 coordinates x, y, z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class FreeSpace:
    """A `Tool` that touches nothing."""

    def moved(self, position_mm_3: NDArray[np.float64], previous_mm_3: NDArray[np.float64]) -> None:
        """Nothing happens."""
