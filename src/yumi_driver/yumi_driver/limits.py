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
    """Standard, measurement or manual that it is taken from."""


class Limits(StrictModel):
    """The limits file; `limits.yaml` of this package says what each is for."""

    travel_m_s: Limit
    """Of the tool on its way."""
    push_m_s: Limit
    """Of the tool at the cube."""
    turn_rad_s: Limit
    """Of the tool about the vertical."""
    tracking_deg: Limit
    """Between an axis's command and its angle."""
    margin_m: Limit
    """Beyond the workspace, for the pusher."""
    silence_s: Limit
    """Without a word from the fleet, or from the controller, after which an arm holds."""
    late_s: Limit
    """Age of what the fleet has answered to, after which an arm holds."""
    picture_s: Limit
    """Without a new picture, after which an arm holds."""
    controller_timeout_s: Limit
    """Without a word from the agent, after which the controller itself stops the arm."""
    motion_supervision_percent: Limit
    """Sensitivity of the controller's collision detection."""


def read_limits(path: Path = PACKAGED) -> Limits:
    """The limits file at `path`.

    Raises:
        BadInput: it holds no limits.
    """
    return read_yaml(path, Limits)
