"""The signals of the I/O system, by network, device and name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from math import isfinite

from yumi_driver.sim_controller.refusal import Refusal, ReturnCode, invalid, rejected


class SignalType(StrEnum):
    """Direction and kind of a signal."""

    DIGITAL_INPUT = "DI"
    DIGITAL_OUTPUT = "DO"
    ANALOG_INPUT = "AI"
    ANALOG_OUTPUT = "AO"


@dataclass
class IoSignal:
    """A signal: inputs are set by devices, outputs by clients and programs."""

    type: SignalType
    value: float = 0.0

    def write(self, text: str) -> None:
        """Set an output by remote control.

        Raises:
            Refusal: the signal is an input, or the text is no valid value.
        """
        if self.type in {SignalType.DIGITAL_INPUT, SignalType.ANALOG_INPUT}:
            raise rejected("an input cannot be set")
        try:
            value = float(text)
        except ValueError:
            raise invalid(f"{text} is not a signal value") from None
        if not isfinite(value) or (self.type is SignalType.DIGITAL_OUTPUT and value not in {0.0, 1.0}):
            raise invalid(f"{text} is not a value of a {self.type} signal")
        self.value = value


class Signals:
    """All signals of the system."""

    def __init__(self, signals: Mapping[str, IoSignal]) -> None:
        """Create signals by path, such as `Local/DRV_1/gripper_closed`."""
        self._signals = dict(signals)

    def __getitem__(self, path: str) -> IoSignal:
        """Return the signal at the path.

        Raises:
            Refusal: there is no such signal.
        """
        try:
            return self._signals[path]
        except KeyError:
            raise Refusal(HTTPStatus.NOT_FOUND, ReturnCode.UNRESOLVED_URL, f"signal {path} not found") from None
