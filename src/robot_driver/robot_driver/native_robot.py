"""One robot as its own topics show it, and what it is told on them. No ROS here, and time comes in from outside.

S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet_contract.robot import RobotContract
from fleet_contract.translation import numbers_of, state_from
from robot_driver.track import TimePoint, Track

HOLD_S = 0.5
"""How long a robot that holds is told so again; then it is left alone."""
RESET_S = 1.0
"""How long a robot has to say that a hard reset has ended its violation."""
START_S = 10.0
"""How long a robot may take to be heard for the first time."""
LATE_S = 0.1
"""A beat that is so late found this process asleep: what was said meanwhile is heard first, and silence judged after."""
NEVER = TimePoint(-np.inf, -np.inf)


class NativeRobot:
    """Moves for one action's time, then holds. A robot that falls silent holds, and is unreachable until it is resumed."""

    def __init__(
        self,
        name: str,
        contract: RobotContract,
        send: Callable[[NDArray[np.float64]], None],
        *,
        longest_s: float,
        rests: bool,
    ) -> None:
        """How it is reached and when it is looked at.

        Args:
            name: its namespace.
            contract: one with a native section.
            send: puts an action (A,) onto the robot's topic.
            longest_s: after which a motion ends by itself.
            rests: whether it is observed only when it stands still, or while it moves as well.
        """
        native = contract.require_native()
        self._contract, self._native = contract, native
        self._send, self._longest_s, self._rests = send, longest_s, rests
        self._numbers = {
            stream.topic: Track(
                f"/{name}/{stream.topic}", stream, partial(numbers_of, stream=stream, contract=contract)
            )
            for stream in native.state
        }
        self._camera = native.camera and Track[Any](
            f"/{name}/{native.camera.topic}", native.camera, lambda image: image
        )
        self._signals = {
            signal.topic: Track(f"/{name}/{signal.topic}", signal, lambda message: bool(message.data))
            for signal in (native.violation, native.success)
            if signal
        }
        # A signal that holds may be said only when it changes.
        needed = [track for track in self._signals.values() if not track.holds]
        self._needed = [*self._numbers.values(), *([self._camera] if self._camera else []), *needed]
        self._at_success: bool | None = None
        self._command_A: NDArray[np.float64] | None = None
        self._moving = self._seen = False
        self._until_s = self._next_s = self._reset_s = -np.inf
        self._rested = NEVER
        self._began_s = self._beat_s = np.inf
        self._hearing_s = -np.inf
        self.unreachable = ""
        """Why it was lost; empty if it is there."""
        self.successes = 0
        """How often it has completed its task."""

    def start(self, instant: TimePoint) -> None:
        """From now on it must be heard."""
        self._began_s = instant.steady_s

    def hear(self, topic: str, message: Any, instant: TimePoint) -> None:
        """A message of one of its topics has come."""
        native = self._native
        if topic in self._numbers:
            self._numbers[topic].hear(message, instant)
        if self._camera and native.camera and topic == native.camera.topic:
            self._camera.hear(message, instant)
        if topic in self._signals:
            said = self._signals[topic].hear(message, instant)
            if native.success and topic == native.success.topic:
                self.successes += said is True and self._at_success is False
                self._at_success = said

    def move(self, values_A: NDArray[np.float64], instant: TimePoint) -> None:
        """Do this, unless it is unreachable."""
        if not self.unreachable:
            self._moving, self._command_A = True, values_A
            self._until_s = instant.steady_s + self._longest_s
            self._say(instant)

    def hold(self, instant: TimePoint) -> None:
        """Stay where it is; a robot that holds already does not creep along with what is measured."""
        if self._moving or self._command_A is None or instant.steady_s >= self._until_s:
            self._command_A = self._holding(instant)
        self._moving = False
        self._until_s = instant.steady_s + HOLD_S
        self._rested = instant.after(self._native.action.stops_within_s) if self._rests else NEVER
        self._say(instant)

    def expect_reset(self, instant: TimePoint) -> None:
        """A person has put it right: what it says of a violation will change."""
        self._reset_s = instant.steady_s + RESET_S

    def beat(self, instant: TimePoint) -> None:
        """Repeat the command when it is time, end it when it is over, and notice silence."""
        if instant.steady_s - self._beat_s > LATE_S:
            self._hearing_s = instant.steady_s + LATE_S
        self._beat_s = instant.steady_s
        if instant.steady_s >= self._hearing_s:
            self._notice(instant)
        if self._moving and instant.steady_s >= self._until_s:
            self.hold(instant)
        elif self._next_s <= instant.steady_s < self._until_s:
            self._say(instant)

    def objection(self, instant: TimePoint) -> str:
        """Why it cannot be there now; empty if it can."""
        return next((why for track in self._needed if (why := track.missing(instant))), "")

    def state(self, instant: TimePoint) -> NDArray[np.float64] | None:
        """What it observes, (S,); None while it moves, or has not been heard since."""
        if self._rests and (self._moving or self._is_being_reset(instant)):
            return None
        if any(track.sample(instant, self._rested) is None for track in self._needed):
            return None
        return self._state(instant)

    def violated(self, instant: TimePoint) -> bool:
        """Whether it needs a hard reset."""
        violation = self._native.violation
        return bool(violation and self._signals[violation.topic].sample(instant, NEVER))

    def picture(self, instant: TimePoint) -> Any:
        """The camera's message of this instant; None if there is none."""
        return self._camera and self._camera.sample(instant, NEVER)

    def lose(self, why: str, instant: TimePoint) -> None:
        """It is unreachable from now on, and holds."""
        self.unreachable = why
        self.hold(instant)

    def readmit(self, instant: TimePoint) -> None:
        """It is there again, if it can be."""
        if not self.objection(instant):
            self.unreachable, self._command_A = "", None

    def _is_being_reset(self, instant: TimePoint) -> bool:
        return self.violated(instant) and instant.steady_s < self._reset_s

    def _notice(self, instant: TimePoint) -> None:
        why = self.objection(instant)
        self._seen = self._seen or not why
        if why and not self.unreachable and (self._seen or instant.steady_s >= self._began_s + START_S):
            self.lose(why, instant)

    def _state(self, instant: TimePoint) -> NDArray[np.float64] | None:
        parts = [track.sample(instant, NEVER) for track in self._numbers.values()]
        return state_from([part for part in parts if part], self._contract) if all(parts) else None

    def _holding(self, instant: TimePoint) -> NDArray[np.float64] | None:
        """Zero velocities, or the places that are measured, (A,); None while nothing is."""
        contract, commands = self._contract, self._native.action.quantities
        if contract.action.meaning == "twist":
            return np.zeros(contract.action_dim)
        state_S, names = self._state(instant), [quantity.name for quantity in contract.observation.state.quantities]
        if state_S is None:
            return None
        measured = [str(commands[quantity.name].measured) for quantity in contract.action.quantities]
        return state_S[[names.index(name) for name in measured]]

    def _say(self, instant: TimePoint) -> None:
        self._next_s = instant.steady_s + 1 / self._native.action.rate_hz
        if self._command_A is not None:
            self._send(self._command_A)
