"""One arm as the fleet follows it: what it is busy with, and what was seen of its workspace.

H rows, W columns of pictures; pictures are red green blue.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from fleet_contract.jpeg import from_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from yumi_driver.link import Link
    from yumi_driver.messages import ArmState
    from yumi_driver.overhead import Overhead

ORDER_S = 60.0
"""An order that takes longer is never done."""
LOOK_S = 5.0
"""A picture that takes longer does not come."""
COMING = "is coming back"
STOPPED = "stopped"


class Phase(Enum):
    """What an arm is busy with."""

    AWAY = auto()
    """It is absent until a person wants it back."""
    COMING = auto()
    """It was told to come back: to lift its pusher and to park."""
    PARKING = auto()
    """It was stopped in the middle of something, and parks before it pushes."""
    PUSHING = auto()
    LOOKING = auto()
    """It is parked, and a picture is awaited."""
    SEEN = auto()
    """It rests, and its workspace has been seen since."""


class ArmView:
    """Follows one arm. `update` is to be called often; nothing here waits."""

    def __init__(self, name: str, overhead: Overhead, link: Link, log: Callable[[str], None]) -> None:
        self.name = name
        self.overhead = overhead
        self.phase = Phase.AWAY
        self.absence = COMING
        """Why it is absent; empty if it is there."""
        self.picture_HW3: NDArray[np.uint8] | None = None
        """What was seen last."""
        self.cube_3: NDArray[np.float64] | None = None
        """x, y, yaw of the cube in it, m and radians; None: no cube was seen."""
        self._link = link
        self._log = log
        self._order = 0
        self._mark = 0
        self._since_s = 0.0
        self._parked = True
        self._wanted: Callable[[NDArray[np.float64]], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is there, and something of it is awaited."""
        return not self.absence and self.phase is not Phase.SEEN

    def come(self) -> None:
        """A person wants the arm."""
        self.absence = COMING
        self._order_now(Phase.COMING, self._link.resume(self.name))

    def look(self) -> None:
        """See the workspace anew, if nothing hides it."""
        if self._parked:
            self._mark = self._link.mark()
            self._enter(Phase.LOOKING)

    def push(self, plan: Callable[[NDArray[np.float64]], tuple[tuple[float, float], float, float]]) -> None:
        """Push the cube, where it has been seen: `plan` says from where, in which direction and how far."""

        def order(cube_3: NDArray[np.float64]) -> None:
            self._order_now(Phase.PUSHING, self._link.push(self.name, *plan(cube_3)))

        if not self._parked:
            self._wanted = order
            self._order_now(Phase.PARKING, self._link.resume(self.name))
        elif self.cube_3 is not None:
            order(self.cube_3)

    def update(self) -> None:
        """Go on with what the link has told since."""
        if self.phase is Phase.AWAY:
            return
        why = self._link.fault or self._trouble(self._link.arm(self.name))
        if why:
            self.phase, self.absence, self._wanted = Phase.AWAY, why, None
        elif self.phase is Phase.LOOKING:
            self._see()

    def _trouble(self, state: ArmState | None) -> str:
        """Why the arm is lost; otherwise notice that its order is over."""
        if state is None:
            return "the agent does not tell of this arm"
        if self.phase in {Phase.SEEN, Phase.LOOKING}:
            late = self.phase is Phase.LOOKING and time.monotonic() - self._since_s > LOOK_S
            return state.fault or ("no picture comes" if late else "")
        if state.done < self._order:
            late = time.monotonic() - self._since_s > ORDER_S
            return f"an order is not done after {ORDER_S:g} s" if late else ""
        if state.fault:
            return state.fault
        if state.outcome:
            self._log(f"{self.name}: {state.outcome}")
        if self.phase is Phase.COMING and state.outcome:
            return state.outcome
        if state.outcome == STOPPED:
            self._parked, self._wanted = False, None
            self._enter(Phase.SEEN)
        else:
            self._parked = True
            self.look()
        return ""

    def _see(self) -> None:
        picture = self._link.picture(self.name)
        if picture is None or picture.beat < self._mark:
            return
        try:
            self.picture_HW3 = from_jpeg(picture.jpeg)
        except ValueError as error:
            self._log(f"{self.name}: {error}")
            return
        self.cube_3 = self.overhead.cube(self.picture_HW3)
        self.absence = ""
        self._enter(Phase.SEEN)
        wanted, self._wanted = self._wanted, None
        if wanted is not None and self.cube_3 is not None:
            wanted(self.cube_3)

    def _order_now(self, phase: Phase, order: int) -> None:
        self._order = order
        self._enter(phase)

    def _enter(self, phase: Phase) -> None:
        self.phase, self._since_s = phase, time.monotonic()
