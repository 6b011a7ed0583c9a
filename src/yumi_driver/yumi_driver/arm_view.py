"""One arm as the fleet follows it: what it is busy with, and what was seen of its workspace.

H rows, W columns of pictures; pictures are red green blue.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

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


class ArmPhase(Enum):
    """What an arm is busy with."""

    EXPECTED = auto()
    """The fleet begins, and the arm may still come."""
    AWAY = auto()
    """It is unreachable until a person wants it back."""
    COMING = auto()
    """It was told to come back: to lift its pusher and to park."""
    PARKING = auto()
    """It was stopped in the middle of something, and parks."""
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
        self.phase = ArmPhase.EXPECTED
        self.reason = COMING
        """Why it is unreachable; empty if it is there."""
        self.picture_HW3: NDArray[np.uint8] | None = None
        """What was seen last."""
        self.cube_3: NDArray[np.float64] | None = None
        """x, y, yaw of the cube in it, m and radians; None: no cube was seen."""
        self.parked = True
        """Whether it is beside its workspace; if not, it was stopped in the middle of something."""
        self._link = link
        self._log = log
        self._order = 0
        self._mark = 0
        self._since_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether it is there, and something of it is awaited."""
        return not self.reason and self.phase is not ArmPhase.SEEN

    def come(self) -> None:
        """A person wants the arm."""
        self.reason = COMING
        self._order_now(ArmPhase.COMING, self._link.resume(self.name))

    def give_up(self, why: str) -> None:
        """The fleet goes on without it, until a person wants it back."""
        self.phase, self.reason = ArmPhase.AWAY, why

    def hold(self) -> None:
        """Stay; the workspace is seen anew if nothing hides it."""
        if self.parked:
            self._look()

    def park(self) -> None:
        """Lift the pusher and park, and see the workspace anew."""
        if self.parked:
            self._look()
        else:
            self._order_now(ArmPhase.PARKING, self._link.park(self.name))

    def push(self, start: tuple[float, float], yaw: float, travel: float) -> None:
        """Push: from where, in which direction and how far."""
        self._order_now(ArmPhase.PUSHING, self._link.push(self.name, start, yaw, travel))

    def update(self) -> None:
        """Go on with what the link has told since."""
        if self.phase in {ArmPhase.AWAY, ArmPhase.EXPECTED}:
            return
        why = self._link.fault or self._trouble(self._link.arm(self.name))
        if why:
            self.give_up(why)
        elif self.phase is ArmPhase.LOOKING:
            self._see()

    def _trouble(self, state: ArmState | None) -> str:
        """Why the arm is lost; otherwise notice that its order is over."""
        if state is None:
            return "the agent does not tell of this arm"
        if self.phase in {ArmPhase.SEEN, ArmPhase.LOOKING}:
            late = self.phase is ArmPhase.LOOKING and time.monotonic() - self._since_s > LOOK_S
            return state.fault or ("no picture comes" if late else "")
        if state.done < self._order:
            late = time.monotonic() - self._since_s > ORDER_S
            if late:
                self._link.stop()
            return f"an order is not done after {ORDER_S:g} s" if late else ""
        if state.outcome:
            self._log(f"{self.name}: {state.outcome}")
        stopped = state.outcome == STOPPED and self.phase is not ArmPhase.COMING
        if self.phase in {ArmPhase.COMING, ArmPhase.PARKING} and state.outcome and not stopped:
            return state.outcome
        if state.fault:
            return state.fault
        self.parked = not stopped
        if stopped:
            # Where the cube is now, the arm may hide.
            self.cube_3 = None
            self._enter(ArmPhase.SEEN)
        else:
            self._look()
        return ""

    def _look(self) -> None:
        self._mark = self._link.mark()
        self._enter(ArmPhase.LOOKING)

    def _see(self) -> None:
        picture = self._link.picture(self.name)
        if picture is None or picture.beat < self._mark:
            return
        self.picture_HW3 = picture.pixels_HW3
        self.cube_3 = self.overhead.cube(self.picture_HW3)
        self.reason = ""
        self._enter(ArmPhase.SEEN)

    def _order_now(self, phase: ArmPhase, order: int) -> None:
        self._order = order
        self._enter(phase)

    def _enter(self, phase: ArmPhase) -> None:
        self.phase, self._since_s = phase, time.monotonic()
