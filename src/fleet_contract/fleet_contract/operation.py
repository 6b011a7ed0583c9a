"""The section `operation` of a robot contract: how a person sees and drives the robot. Policies do not depend on it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fleet_contract.validation import StrictModel

Share = Annotated[float, Field(ge=0, le=1)]
"""Share of an image's width or height."""
Length = Annotated[float, Field(gt=0)]
"""Length, m."""
Point = tuple[float, float]
"""x and y, m, in robot_XX/base_link."""
Corner = tuple[Share, Share]
"""Column and row of a point in the image, as shares of its width and height from the upper left."""


class Video(StrictModel):
    """A topic with the video that operators see, which is published while there are subscribers."""

    topic: str
    """Topic relative to the robot's namespace."""
    type: Literal["sensor_msgs/msg/CompressedImage"]
    """ROS message type; the images are JPEG."""
    width: int = Field(gt=0)
    """Columns, pixels."""
    height: int = Field(gt=0)
    """Rows, pixels."""
    rate_hz: float = Field(ge=5, le=60)
    """Images per second. Operators cannot drive while the last image is older than 0.3 s."""


class Region(StrictModel):
    """A rectangle in robot_XX/base_link."""

    low: Point
    """Corner with the smallest x and y, m."""
    high: Point
    """Corner with the largest x and y, m."""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not (self.low[0] < self.high[0] and self.low[1] < self.high[1]):
            raise ValueError(f"low: expected less than high ({self.high}), got {self.low}")
        return self


class Goal(StrictModel):
    """A disc that is the goal of the task."""

    centre: tuple[str, str]
    """Quantities of the observation: x and y of the centre."""
    radius: float = Field(gt=0)
    """Radius, m."""


class PlanarBody(StrictModel):
    """A box on the plane that the robot moves."""

    size: tuple[Length, Length, Length]
    """Size along its own x, y and z, m."""
    yaw: tuple[str, str]
    """Quantities of the observation: cosine and sine of `folds` times the yaw."""
    folds: int = Field(ge=1)
    """Rotational symmetry: number of yaws at which the box looks the same, such as 4 for a cube."""


class Plane(StrictModel):
    """The plane z = 0 of robot_XX/base_link as the camera sees it. Clicks into the image drive the robot to points of the plane."""

    workspace: Region
    """Region in which a motion may end."""
    corners: tuple[Corner, Corner, Corner, Corner]
    """Corners of the workspace in the image: low x and low y, high x and low y, high x and high y, low x and high y."""
    start: tuple[str, str]
    """Quantities of the observation: x and y of the point where the next motion starts."""
    body: PlanarBody | None = None
    """Box at `start`. None: views draw a point."""
    obstacles: tuple[Region, ...] = ()
    """Regions that the robot must avoid."""
    goal: Goal | None = None
    """Goal of the task. None: views draw no goal."""

    @property
    def observed(self) -> tuple[str, ...]:
        """Quantities of the observation that the plane's objects depend on."""
        return (*self.start, *(self.body.yaw if self.body else ()), *(self.goal.centre if self.goal else ()))

    @model_validator(mode="after")
    def _is_seen_from_above(self) -> Self:
        turns = [_turn(*self.corners[at:], *self.corners[:at]) for at in range(4)]
        if not all(turn < 0 for turn in turns):
            raise ValueError(
                "corners: expected the corners of a convex quadrangle, counterclockwise in the image, "
                f"got {self.corners}"
            )
        return self


def _turn(first: Corner, second: Corner, third: Corner, *_: Corner) -> float:
    """Return a negative number if the path turns counterclockwise in the image, whose rows count downwards."""
    return (second[0] - first[0]) * (third[1] - second[1]) - (second[1] - first[1]) * (third[0] - second[0])


class Operation(StrictModel):
    """How a person sees and drives the robot."""

    video: Video
    """Topic with the video."""
    plane: Plane | None = None
    """Plane whose points are clicked. None: the image is a joystick, and the pointer's position in it sets direction and speed."""
