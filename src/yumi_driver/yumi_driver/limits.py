"""How fast and how hard the arms may move, each number with where it comes from."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fleet_contract.validation import StrictModel, read_yaml

PACKAGED = Path(__file__).parent / "limits.yaml"


class Limit(StrictModel):
    """One number of the limits file."""

    value: float = Field(gt=0)
    source: str = Field(min_length=1)
    """Standard, measurement or manual that the number comes from."""


class Limits(StrictModel):
    """The content of a limits file; this package's `limits.yaml` explains each limit."""

    travel_m_s: Limit
    """Speed of the travelling tool."""
    push_m_s: Limit
    """Speed of the pushing tool."""
    turn_rad_s: Limit
    """Angular speed of the tool about the vertical."""
    tracking_deg: Limit
    """Difference between the target and the angle of an axis."""
    margin_m: Limit
    """Distance that the pusher may leave the workspace."""
    silence_s: Limit
    """Time without a message of the fleet or the controller after which an arm holds."""
    late_s: Limit
    """Age of the state that the fleet has answered, beyond which an arm holds."""
    picture_s: Limit
    """Time without a new picture after which an arm holds."""
    controller_timeout_s: Limit
    """Time without a message of the agent after which the controller itself stops the arm."""
    motion_supervision_percent: Limit
    """Sensitivity of the controller's collision detection."""


def read_limits(path: Path = PACKAGED) -> Limits:
    """Read the limits file at `path`.

    Raises:
        InputError: the file is no valid limits file.
    """
    return read_yaml(path, Limits)
