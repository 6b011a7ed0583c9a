"""A robot as its own topics show it in a bag, read by the code that reads them live.

S state dim, A action dim.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property, partial
from itertools import count, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet_bags.mapping import BagMapping
from fleet_bags.topic_series import StampPair, TopicSeries
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.native import NativeSignal, NativeStream
from fleet_contract.robot import RobotContract
from fleet_contract.translation import command_of, numbers_of, state_from

Read = TypeVar("Read")
ROUNDING = 1e-6
"""By which a converted command may be out of its range."""


class NativeRobotSeries:
    """What all topics of a robot said."""

    def __init__(self, mapping: BagMapping, namespace: str) -> None:
        """Nothing yet: `told` has to hear the bag's messages."""
        contract, native = mapping.contract, mapping.contract.require_native()
        self.contract = contract
        self._namespace = namespace.strip("/")
        self.told: dict[str, TopicSeries[Any]] = {}
        """By the topic's name in the bag."""
        self.types: dict[str, str] = {}
        """The same."""
        self._numbers = [
            self._listen(stream, partial(numbers_of, stream=stream, contract=contract)) for stream in native.state
        ]
        pictures = count()
        self.camera: str | None = None
        if native.camera and contract.observation.camera:
            self.camera = self._listen(native.camera, lambda _: next(pictures))
        """Which of its messages are heard, from 0; None if the robots have no camera."""
        self._violation = native.violation and self._listen(native.violation, _truth)
        self._success = native.success and self._listen(native.success, _truth)
        driver = mapping.driver
        self._driver = self._listen(driver, _truth) if isinstance(driver, NativeSignal) else None
        self._always_human = driver == "human"
        action = NativeStream(topic=native.action.topic, type=native.action.type, align=mapping.command)
        self._command = self._listen(action, partial(_command, contract=contract))
        # As live: a signal that holds may be said only when it changes.
        self._silent = {
            topic for topic in (self._violation, self._success, self._driver) if topic and self._holds(topic)
        }
        self._needed = [topic for topic in self.told if topic not in self._silent | {self._command}]

    def topic(self, name: str) -> str:
        """The name that a topic of the contract has in the bag."""
        return f"/{self._namespace}/{name}" if self._namespace else f"/{name}"

    def may_be_silent(self, topic: str) -> bool:
        """Whether it means something that a topic has said nothing."""
        return topic in self._silent

    def missing(self, instant: StampPair) -> str:
        """A topic of which nothing belongs to a tick at this moment; empty if there is none."""
        return next((topic for topic in self._needed if self.told[topic].at(instant) is None), "")

    def state(self, instant: StampPair) -> NDArray[np.float64]:
        """What it observes, (S,), where nothing is missing."""
        return state_from([self.told[topic].at(instant) or {} for topic in self._numbers], self.contract)

    def picture(self, instant: StampPair) -> int:
        """Which message of its camera it observes, where nothing is missing; 0 without a camera."""
        return (self.camera and self.told[self.camera].at(instant)) or 0

    def violated(self, instant: StampPair) -> bool:
        """Whether it needs a hard reset."""
        return bool(self._violation and self.told[self._violation].at(instant))

    def successes(self, instant: StampPair) -> int:
        """How often it has completed its task by this moment."""
        if not self._success:
            return 0
        return bisect_right(self._success_stamps_ns, self.told[self._success].place(instant))

    def action(self, tick: int, instant: StampPair) -> RobotAction:
        """What it does; as live, a robot in violation is not moved.

        Raises:
            ValueError: the command is out of the contract's range.
        """
        values_A = None if self.violated(instant) else self.told[self._command].at(instant)
        if values_A is None:
            return RobotAction(tick, ActionKind.HOLD, ActionSource.NOBODY)
        low_A, high_A = self.contract.action_low_A, self.contract.action_high_A
        if (values_A < low_A - ROUNDING).any() or (values_A > high_A + ROUNDING).any():
            raise ValueError(f"found the command {values_A.tolist()}, allowed is {low_A.tolist()} to {high_A.tolist()}")
        is_human = bool(self.told[self._driver].at(instant)) if self._driver else self._always_human
        source = ActionSource.HUMAN if is_human else ActionSource.POLICY
        return RobotAction(tick, ActionKind.MOVE, source, tuple(np.clip(values_A, low_A, high_A).tolist()))

    @property
    def command(self) -> str:
        """The topic of its commands."""
        return self._command

    @cached_property
    def _success_stamps_ns(self) -> list[int]:
        """When it became true, as live."""
        told = self.told[self._success or ""]
        became = (after and not before for before, after in pairwise(told.samples))
        return sorted(stamp_ns for stamp_ns, is_new in zip(told.stamps_ns[1:], became, strict=True) if is_new)

    def _listen(self, stream: NativeStream, read: Callable[[Any], Read]) -> str:
        topic = self.topic(stream.topic)
        self.types[topic], self.told[topic] = stream.type, TopicSeries(stream.align, read)
        return topic

    def _holds(self, topic: str) -> bool:
        return self.told[topic].align.rule == "hold"


def _truth(message: Any) -> bool:
    return bool(message.data)


def _command(message: Any, contract: RobotContract) -> NDArray[np.float64]:
    values_A = command_of(message, contract)
    if not np.isfinite(values_A).all():
        raise ValueError(f"found {values_A.tolist()}, allowed are finite values")
    return values_A
