"""One robot that is reached over its own topics. It depends on neither ROS nor a clock: messages and time come from its caller.

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
from robot_driver.topic_series import TimePoint, TopicSeries

HOLD_S = 0.5
"""Time, s, for which the command of a robot that holds is repeated; after that nothing is sent."""
RESET_S = 1.0
"""Time, s, within which a robot must report that a hard reset has ended its violation."""
START_S = 10.0
"""Time, s, within which the first messages of a robot must arrive."""
DELAYED_S = 0.1
"""Delay of an update, s, after which this process is assumed to have been suspended: waiting messages are received before silence is
judged."""
NEVER = TimePoint(-np.inf, -np.inf)


class NativeRobot:
    """Moves for the time of one action, then holds. A robot that becomes silent holds, and is unreachable until it is readmitted."""

    def __init__(
        self,
        name: str,
        contract: RobotContract,
        send: Callable[[NDArray[np.float64]], None],
        *,
        max_motion_s: float,
        observe_at_rest: bool,
    ) -> None:
        """Set up the robot.

        Args:
            name: namespace of the robot.
            contract: contract with a native section.
            send: publishes an action (A,) on the robot's topic.
            max_motion_s: time, s, after which a motion ends.
            observe_at_rest: whether the robot is observed only at rest; otherwise also while it moves.
        """
        native = contract.require_native()
        self._contract, self._native = contract, native
        self._send, self._max_motion_s, self._observe_at_rest = send, max_motion_s, observe_at_rest
        self._states = {
            stream.topic: TopicSeries(
                f"/{name}/{stream.topic}", stream, partial(numbers_of, stream=stream, contract=contract)
            )
            for stream in native.state
        }
        self._camera = native.camera and TopicSeries[Any](
            f"/{name}/{native.camera.topic}", native.camera, lambda image: image
        )
        self._signals = {
            signal.topic: TopicSeries(f"/{name}/{signal.topic}", signal, lambda message: bool(message.data))
            for signal in (native.violation, native.success)
            if signal
        }
        # A signal that stays valid may be published only when it changes.
        required = [series for series in self._signals.values() if not series.holds]
        self._required = [*self._states.values(), *([self._camera] if self._camera else []), *required]
        self._succeeds: bool | None = None
        self._command_A: NDArray[np.float64] | None = None
        self._moving = self._received_all = False
        self._until_s = self._next_s = self._reset_s = -np.inf
        self._at_rest_from = NEVER
        self._start_s = self._updated_s = np.inf
        self._judge_from_s = -np.inf
        self.unreachable = ""
        """Why the robot is unreachable; empty if it is reachable."""
        self.successes = 0
        """How often the robot has completed its task."""

    def start(self, instant: TimePoint) -> None:
        """Expect messages from now on."""
        self._start_s = instant.steady_s

    def receive(self, topic: str, message: Any, instant: TimePoint) -> None:
        """Take a message that was received on one of the robot's topics."""
        native = self._native
        if topic in self._states:
            self._states[topic].add(message, instant)
        if self._camera and native.camera and topic == native.camera.topic:
            self._camera.add(message, instant)
        if topic in self._signals:
            value = self._signals[topic].add(message, instant)
            if native.success and topic == native.success.topic:
                self.successes += value is True and self._succeeds is False
                self._succeeds = value

    def move(self, values_A: NDArray[np.float64], instant: TimePoint) -> None:
        """Start an action (A,), unless the robot is unreachable."""
        if not self.unreachable:
            self._moving, self._command_A = True, values_A
            self._until_s = instant.steady_s + self._max_motion_s
            self._publish(instant)

    def hold(self, instant: TimePoint) -> None:
        """Hold the present position. A robot that already holds keeps its target, so that it does not drift with its measurements."""
        if self._moving or self._command_A is None or instant.steady_s >= self._until_s:
            self._command_A = self._hold_command(instant)
        self._moving = False
        self._until_s = instant.steady_s + HOLD_S
        self._at_rest_from = instant.after(self._native.action.stops_within_s) if self._observe_at_rest else NEVER
        self._publish(instant)

    def expect_reset(self, instant: TimePoint) -> None:
        """Expect the violation to end, because a person has reset the robot."""
        self._reset_s = instant.steady_s + RESET_S

    def update(self, instant: TimePoint) -> None:
        """Repeat the command when it is due, hold at the end of the motion, and detect silence. Call it often."""
        if instant.steady_s - self._updated_s > DELAYED_S:
            self._judge_from_s = instant.steady_s + DELAYED_S
        self._updated_s = instant.steady_s
        if instant.steady_s >= self._judge_from_s:
            self._detect_silence(instant)
        if self._moving and instant.steady_s >= self._until_s:
            self.hold(instant)
        elif self._next_s <= instant.steady_s < self._until_s:
            self._publish(instant)

    def missing(self, instant: TimePoint) -> str:
        """Return which messages are missing now; empty if all are there."""
        return next((reason for series in self._required if (reason := series.missing(instant))), "")

    def state(self, instant: TimePoint) -> NDArray[np.float64] | None:
        """Return the observation (S,); None while the robot moves or no messages have arrived since."""
        if self._observe_at_rest and (self._moving or self._waits_for_reset(instant)):
            return None
        if any(series.sample(instant, self._at_rest_from) is None for series in self._required):
            return None
        return self._state(instant)

    def violated(self, instant: TimePoint) -> bool:
        """Return whether the robot is in violation."""
        violation = self._native.violation
        return bool(violation and self._signals[violation.topic].sample(instant, NEVER))

    def image(self, instant: TimePoint) -> Any:
        """Return the camera's message at this instant; None if there is none."""
        return self._camera and self._camera.sample(instant, NEVER)

    def mark_unreachable(self, reason: str, instant: TimePoint) -> None:
        """Mark the robot as unreachable, and hold."""
        self.unreachable = reason
        self.hold(instant)

    def readmit(self, instant: TimePoint) -> None:
        """Mark the robot as reachable if no messages are missing."""
        if not self.missing(instant):
            self.unreachable, self._command_A = "", None

    def _waits_for_reset(self, instant: TimePoint) -> bool:
        return self.violated(instant) and instant.steady_s < self._reset_s

    def _detect_silence(self, instant: TimePoint) -> None:
        reason = self.missing(instant)
        self._received_all = self._received_all or not reason
        if reason and not self.unreachable and (self._received_all or instant.steady_s >= self._start_s + START_S):
            self.mark_unreachable(reason, instant)

    def _state(self, instant: TimePoint) -> NDArray[np.float64] | None:
        parts = [series.sample(instant, NEVER) for series in self._states.values()]
        return state_from([part for part in parts if part], self._contract) if all(parts) else None

    def _hold_command(self, instant: TimePoint) -> NDArray[np.float64] | None:
        """Return the command (A,) that holds: zero velocities, or the measured positions; None before the first measurement."""
        contract, commands = self._contract, self._native.action.quantities
        if contract.action.meaning == "twist":
            return np.zeros(contract.action_dim)
        state_S, names = self._state(instant), [quantity.name for quantity in contract.observation.state.quantities]
        if state_S is None:
            return None
        measured = [str(commands[quantity.name].measured) for quantity in contract.action.quantities]
        return state_S[[names.index(name) for name in measured]]

    def _publish(self, instant: TimePoint) -> None:
        self._next_s = instant.steady_s + 1 / self._native.action.rate_hz
        if self._command_A is not None:
            self._send(self._command_A)
