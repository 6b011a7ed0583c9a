"""Reads a robot's own topics from a bag, with the code that reads them live.

S state dim, A action dim.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
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
from fleet_contract.translation import command_of, numbers_of, rgb_of, state_from

Sample = TypeVar("Sample")
ROUNDING = 1e-6
"""Amount by which rounding may put a converted command out of its range, in the contract's units."""


class NativeRobotSeries:
    """The topic series of one robot."""

    def __init__(self, mapping: BagMapping, namespace: str) -> None:
        """Start with empty `series`, to which the bag's messages have to be added."""
        contract, native = mapping.contract, mapping.contract.require_native()
        self.contract = contract
        self._namespace = namespace.strip("/")
        self.series: dict[str, TopicSeries[Any]] = {}
        """Series by the topic's name in the bag."""
        self.types: dict[str, str] = {}
        """Message types by the topic's name in the bag."""
        self._state_topics = [
            self._add_topic(stream, partial(numbers_of, stream=stream, contract=contract)) for stream in native.state
        ]
        image_numbers = count()
        self.camera_topic: str | None = None
        """Topic whose samples are the numbers of its messages, from 0; None if the robots have no camera."""
        if native.camera and contract.observation.camera:
            self.camera_topic = self._add_topic(native.camera, partial(_image_number, numbers=image_numbers))
        self._violation = native.violation and self._add_topic(native.violation, _truth)
        self._success = native.success and self._add_topic(native.success, _truth)
        driver = mapping.driver
        self._driver = self._add_topic(driver, _truth) if isinstance(driver, NativeSignal) else None
        self._always_human = driver == "human"
        action = NativeStream(topic=native.action.topic, type=native.action.type, align=mapping.command)
        self.command_topic = self._add_topic(action, partial(_command, contract=contract))
        # As live: a signal with the rule `hold` may be published only when it changes.
        self._optional = {
            topic for topic in (self._violation, self._success, self._driver) if topic and self._holds(topic)
        }
        self._required = [topic for topic in self.series if topic not in self._optional | {self.command_topic}]

    def topic(self, name: str) -> str:
        """Return the name that a topic of the contract has in the bag."""
        return f"/{self._namespace}/{name}" if self._namespace else f"/{name}"

    def may_be_silent(self, topic: str) -> bool:
        """Return whether a topic may have no messages in the bag."""
        return topic in self._optional

    def missing_topic(self, instant: StampPair) -> str:
        """Return a required topic without a sample for a tick at this instant; empty if there is none."""
        return next((topic for topic in self._required if self.series[topic].at(instant) is None), "")

    def state(self, instant: StampPair) -> NDArray[np.float64]:
        """Return the observed state (S,); no required topic may be missing."""
        return state_from([self.series[topic].at(instant) or {} for topic in self._state_topics], self.contract)

    def image_number(self, instant: StampPair) -> int:
        """Return the number of the observed camera message; 0 without a camera."""
        return (self.camera_topic and self.series[self.camera_topic].at(instant)) or 0

    def violated(self, instant: StampPair) -> bool:
        """Return whether the robot is in constraint violation."""
        return bool(self._violation and self.series[self._violation].at(instant))

    def successes(self, instant: StampPair) -> int:
        """Return how often the robot has completed its task by this instant."""
        if not self._success:
            return 0
        return bisect_right(self._success_stamps_ns, self.series[self._success].stamp_of(instant))

    def action(self, tick: int, instant: StampPair) -> RobotAction:
        """Return the robot's action; as live, a robot in violation holds.

        Raises:
            ValueError: the command is out of the contract's range.
        """
        values_A = None if self.violated(instant) else self.series[self.command_topic].at(instant)
        if values_A is None:
            return RobotAction(tick, ActionKind.HOLD, ActionSource.NOBODY)
        low_A, high_A = self.contract.action_low_A, self.contract.action_high_A
        if (values_A < low_A - ROUNDING).any() or (values_A > high_A + ROUNDING).any():
            raise ValueError(f"expected a command from {low_A.tolist()} to {high_A.tolist()}, got {values_A.tolist()}")
        is_human = bool(self.series[self._driver].at(instant)) if self._driver else self._always_human
        source = ActionSource.HUMAN if is_human else ActionSource.POLICY
        return RobotAction(tick, ActionKind.MOVE, source, tuple(np.clip(values_A, low_A, high_A).tolist()))

    @cached_property
    def _success_stamps_ns(self) -> list[int]:
        """Stamps at which the success signal became true, which is what counts live."""
        series = self.series[self._success or ""]
        became = (after and not before for before, after in pairwise(series.samples))
        return sorted(stamp_ns for stamp_ns, is_new in zip(series.stamps_ns[1:], became, strict=True) if is_new)

    def _add_topic(self, stream: NativeStream, read: Callable[[Any], Sample]) -> str:
        topic = self.topic(stream.topic)
        self.types[topic], self.series[topic] = stream.type, TopicSeries(stream.align, read)
        return topic

    def _holds(self, topic: str) -> bool:
        return self.series[topic].align.rule == "hold"


def _truth(message: Any) -> bool:
    return bool(message.data)


def _command(message: Any, contract: RobotContract) -> NDArray[np.float64]:
    values_A = command_of(message, contract)
    if not np.isfinite(values_A).all():
        raise ValueError(f"expected finite values, got {values_A.tolist()}")
    return values_A


def _image_number(message: Any, numbers: Iterator[int]) -> int:
    """Return the number of a camera message.

    Raises:
        ValueError: its image is damaged. It counts nevertheless.
    """
    number = next(numbers)
    rgb_of(message)
    return number
