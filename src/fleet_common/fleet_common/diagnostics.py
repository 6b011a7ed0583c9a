"""Converts checks to diagnostic_msgs and back."""

from __future__ import annotations

from collections.abc import Iterable

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from fleet_common.health import Check, Level


def diagnostic_array(checks: Iterable[Check], stamp: Time) -> DiagnosticArray:
    """Return the message with these checks."""
    return DiagnosticArray(header=Header(stamp=stamp), status=[diagnostic_status(check) for check in checks])


def diagnostic_status(check: Check) -> DiagnosticStatus:
    """Return the status of one check; numbers have four significant digits."""
    return DiagnosticStatus(
        level=bytes([check.level]),
        name=check.name,
        message=check.message,
        hardware_id=check.hardware_id,
        values=[KeyValue(key=key, value=_text(value)) for key, value in check.values.items()],
    )


def check_from_status(status: DiagnosticStatus) -> Check:
    """Return the check of a status, which may be from any ROS 2 node; an unknown level becomes ERROR."""
    (number,) = status.level
    level = Level(number) if number in set(Level) else Level.ERROR
    values = {value.key: value.value for value in status.values}
    return Check(status.name, level, status.message, values, status.hardware_id)


def _text(value: str | float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
