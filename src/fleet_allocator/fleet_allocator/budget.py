"""The human actions that the random rule may spend."""

from __future__ import annotations

import numpy as np

SPREAD = 0.1
"""Standard deviation of the number of busy humans, as a share of all humans."""


class Budget:
    """IIFL-Random's budget: about `per_tick` human actions per tick (IIFL section 7.3.1).

    What bound humans spend above the budget is saved later, and what absent humans leave of it is spent later, so that
    the mean over a run is `per_tick`.
    """

    def __init__(self, per_tick: float, supervisors: int) -> None:
        self._per_tick = per_tick
        self._spread = SPREAD * supervisors
        self._left = 0.0

    def draw(self, generator: np.random.Generator) -> int:
        """How many humans are to be busy at the next tick: normal around what is left, and not negative."""
        self._left += self._per_tick
        return max(0, round(generator.normal(self._left, self._spread)))

    def spend(self, actions: int) -> None:
        """So many humans are busy; negative if they turn out not to be."""
        self._left -= actions
