"""The budget of human actions of the random rule."""

from __future__ import annotations

import numpy as np

SPREAD = 0.1
"""Standard deviation of the number of busy humans, as a share of all humans."""


class Budget:
    """IIFL-Random's budget: on average `per_tick` human actions per tick (IIFL section 7.3.1).

    If humans who must stay with their robots exceed the budget, fewer humans are assigned later; if humans are unavailable, more
    are. So the mean over a run is `per_tick`.
    """

    def __init__(self, per_tick: float, supervisors: int) -> None:
        self._per_tick = per_tick
        self._spread = SPREAD * supervisors
        self._remaining = 0.0

    def draw(self, generator: np.random.Generator) -> int:
        """Return the number of busy humans at the next tick: normally distributed around the remaining budget, and not negative."""
        self._remaining += self._per_tick
        return max(0, round(generator.normal(self._remaining, self._spread)))

    def spend(self, actions: int) -> None:
        """Subtract human actions from the budget; a negative number returns them."""
        self._remaining -= actions
