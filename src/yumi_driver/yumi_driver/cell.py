"""The cell file: what the gateway PC knows of its robot. It lies beside the robot, and the fleet does not see it."""

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
    """Robot Web Services of the IRC5."""

    url: str
    user: str = "Default User"
    password: str = "robotics"  # noqa: S105 - every controller is delivered with it


class Workspace(StrictModel):
    """Where an arm's workspace is: taught by jogging the arm."""

    middle_mm: tuple[float, float, float]
    """Where the flange is, in the robot's base frame, when the pusher stands down in the middle of the workspace."""
    yaw_deg: float
    """From the base frame's x axis to the workspace's, seen from above."""
    half_m: float = Field(gt=0)
    """From the middle to an edge."""

    def flange(self, x_m: float, y_m: float, lift_m: float, yaw_rad: float) -> Pose:
        """The flange, in the base frame, when the pusher's foot is at a place of the workspace. It looks down."""
        turn = np.radians(self.yaw_deg)
        cos, sin = np.cos(turn), np.sin(turn)
        way_mm_3 = 1000 * np.array([cos * x_m - sin * y_m, sin * x_m + cos * y_m, lift_m])
        cos, sin = np.cos(yaw_rad + turn), np.sin(yaw_rad + turn)
        down_33 = np.array([[cos, sin, 0.0], [sin, -cos, 0.0], [0.0, 0.0, -1.0]])
        return Pose(np.array(self.middle_mm) + way_mm_3, down_33)

    def foot(self, flange: Pose) -> tuple[NDArray[np.float64], float]:
        """Where the pusher's foot is, x, y and lift, (3,), m, and its yaw, radians: the inverse of `flange`."""
        turn = np.radians(self.yaw_deg)
        cos, sin = np.cos(turn), np.sin(turn)
        x_mm, y_mm, z_mm = flange.position_mm_3 - np.array(self.middle_mm)
        place_3 = np.array([cos * x_mm + sin * y_mm, -sin * x_mm + cos * y_mm, z_mm]) / 1000
        yaw = np.arctan2(flange.rotation_33[1, 0], flange.rotation_33[0, 0]) - turn
        return place_3, float((yaw + np.pi) % (2 * np.pi) - np.pi)


class ArmConfig(StrictModel):
    """One arm."""

    unit: Literal["ROB_L", "ROB_R"]
    """Its mechanical unit."""
    egm_port: int = Field(ge=1, le=65535)
    """UDP port at which the agent listens for the arm."""
    camera: str = Field(min_length=1)
    """The camera above its workspace: a device such as /dev/video0, or the address of an MJPEG stream."""
    workspace: Workspace
    parked_deg: Seven
    """Posture beside the workspace, out of the camera's view, with the pusher lifted: taught by jogging the arm."""

    @field_validator("parked_deg")
    @classmethod
    def _within_ranges(cls, joints_deg: tuple[float, ...]) -> tuple[float, ...]:
        for axis, (angle, low, high) in enumerate(zip(joints_deg, LOWEST_DEG_7, HIGHEST_DEG_7, strict=True), 1):
            if not low <= angle <= high:
                raise ValueError(f"axis {axis}: found {angle} degrees, allowed is {low} to {high}")
        return joints_deg

    @property
    def task(self) -> str:
        """The RAPID task that moves it."""
        return f"T_{self.unit}"


class Cell(StrictModel):
    """A cell file."""

    controller: ControllerAccess
    limits: Path = PACKAGED
    """Limits file, relative to the cell file; that of the package by default."""
    arms: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")], ArmConfig] = Field(min_length=1, max_length=2)

    @field_validator("limits")
    @classmethod
    def _absolute(cls, limits: Path, info: ValidationInfo) -> Path:
        return Path((info.context or {}).get("folder", Path())) / limits

    @field_validator("arms")
    @classmethod
    def _different_units(cls, arms: dict[str, ArmConfig]) -> dict[str, ArmConfig]:
        if len({arm.unit for arm in arms.values()}) < len(arms):
            raise ValueError("allowed is every mechanical unit once")
        return arms


def read_cell(path: Path) -> Cell:
    """The cell file at `path`.

    Raises:
        BadInput: it holds no cell.
    """
    return read_yaml(path, Cell, context={"folder": path.resolve().parent})
