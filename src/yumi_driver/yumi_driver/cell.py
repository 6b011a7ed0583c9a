"""The cell file: a gateway PC's description of its robot. It stays on the gateway; the fleet does not read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from fleet_contract.validation import StrictModel, read_yaml
from yumi_driver.kinematics import HIGHEST_DEG_7, LOWEST_DEG_7
from yumi_driver.limits import PACKAGED
from yumi_driver.pose import Pose

Seven = Annotated[tuple[float, ...], Field(min_length=7, max_length=7)]


class ControllerAccess(StrictModel):
    """Access to the Robot Web Services of the IRC5 controller."""

    url: str
    user: str = "Default User"
    password: str = "robotics"  # noqa: S105 - the default of every controller


class Workspace(StrictModel):
    """Position of an arm's workspace, taught by jogging the arm."""

    middle_mm: tuple[float, float, float]
    """Position of the flange in the robot's base frame when the lowered pusher is in the middle of the workspace, mm."""
    yaw_deg: float
    """Rotation from the base frame's x axis to the workspace's, seen from above, degrees."""
    half_m: float = Field(gt=0)
    """Distance from the middle to an edge, m."""

    def flange(self, x_m: float, y_m: float, lift_m: float, yaw_rad: float) -> Pose:
        """Return the pose of the flange in the base frame for a position of the pusher's foot; the flange points down."""
        turn = np.radians(self.yaw_deg)
        cos, sin = np.cos(turn), np.sin(turn)
        offset_mm_3 = 1000 * np.array([cos * x_m - sin * y_m, sin * x_m + cos * y_m, lift_m])
        cos, sin = np.cos(yaw_rad + turn), np.sin(yaw_rad + turn)
        down_33 = np.array([[cos, sin, 0.0], [sin, -cos, 0.0], [0.0, 0.0, -1.0]])
        return Pose(np.array(self.middle_mm) + offset_mm_3, down_33)

    def foot(self, flange: Pose) -> tuple[NDArray[np.float64], float]:
        """Return the pusher's foot as x, y and lift, (3,), m, and its yaw, radians: the inverse of `flange`."""
        turn = np.radians(self.yaw_deg)
        cos, sin = np.cos(turn), np.sin(turn)
        x_mm, y_mm, z_mm = flange.position_mm_3 - np.array(self.middle_mm)
        position_3 = np.array([cos * x_mm + sin * y_mm, -sin * x_mm + cos * y_mm, z_mm]) / 1000
        yaw = np.arctan2(flange.rotation_33[1, 0], flange.rotation_33[0, 0]) - turn
        return position_3, float((yaw + np.pi) % (2 * np.pi) - np.pi)


class ArmConfig(StrictModel):
    """One arm."""

    unit: Literal["ROB_L", "ROB_R"]
    """Mechanical unit of the arm."""
    egm_port: int = Field(ge=1, le=65535)
    """UDP port at which the agent listens for the arm."""
    camera: str = Field(min_length=1)
    """Camera above the workspace: a device such as /dev/video0, or the URL of an MJPEG stream."""
    workspace: Workspace
    parked_deg: Seven
    """Posture beside the workspace, outside the camera's view, with the pusher lifted, taught by jogging the arm, degrees."""

    @field_validator("parked_deg")
    @classmethod
    def _within_ranges(cls, joints_deg: tuple[float, ...]) -> tuple[float, ...]:
        for axis, (angle, low, high) in enumerate(zip(joints_deg, LOWEST_DEG_7, HIGHEST_DEG_7, strict=True), 1):
            if not low <= angle <= high:
                raise ValueError(f"axis {axis}: expected {low} to {high} degrees, got {angle}")
        return joints_deg

    @property
    def task(self) -> str:
        """RAPID task that moves the arm."""
        return f"T_{self.unit}"


class Cell(StrictModel):
    """The content of a cell file."""

    controller: ControllerAccess
    limits: Path = PACKAGED
    """Limits file, relative to the cell file; the package's own by default."""
    arms: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")], ArmConfig] = Field(min_length=1, max_length=2)

    @field_validator("limits")
    @classmethod
    def _absolute(cls, limits: Path, info: ValidationInfo) -> Path:
        return Path((info.context or {}).get("folder", Path())) / limits

    @field_validator("arms")
    @classmethod
    def _different_units(cls, arms: dict[str, ArmConfig]) -> dict[str, ArmConfig]:
        if len({arm.unit for arm in arms.values()}) < len(arms):
            units = ", ".join(arm.unit for arm in arms.values())
            raise ValueError(f"expected different mechanical units, got {units}")
        return arms


def read_cell(path: Path) -> Cell:
    """Read the cell file at `path`.

    Raises:
        InputError: the file is no valid cell file.
    """
    return read_yaml(path, Cell, context={"folder": path.resolve().parent})
