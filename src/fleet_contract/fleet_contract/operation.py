"""How a person sees and drives a robot: a part of its contract. What policies learn from does not depend on it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from fleet_contract.validation import StrictModel

Share = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[float, Field(gt=0)]
Point = tuple[float, float]
"""x and y, m, in robot_XX/base_link."""
Corner = tuple[Share, Share]
"""Column and row of a point of a picture, as shares of its width and height from the upper left."""


class Video(StrictModel):
    """A topic with what operators see, streamed while somebody looks."""

    topic: str
    """Relative to the robot's namespace."""
    type: Literal["sensor_msgs/msg/CompressedImage"]
    """Its pictures are JPEG."""
    width: int = Field(gt=0)
    """Columns, pixels."""
    height: int = Field(gt=0)
    """Rows, pixels."""
    rate_hz: float = Field(ge=5, le=60)
    """Pictures per second. Operators who see nothing new for 0.3 s cannot drive."""


class Region(StrictModel):
    """A rectangle, m."""

    low: Point
    high: Point

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not (self.low[0] < self.high[0] and self.low[1] < self.high[1]):
            raise ValueError(f"low: expected less than high ({self.high}), got {self.low}")
        return self


class Goal(StrictModel):
    """A disc that is to be reached."""

    centre: tuple[str, str]
    """Quantities of the observation: its x and y."""
    radius: float = Field(gt=0)
    """m."""


class PlanarBody(StrictModel):
    """What is moved in a plane: a box that stands on it."""

    size: tuple[Length, Length, Length]
    """Along its own x, y and z, m."""
    yaw: tuple[str, str]
    """Quantities of the observation: cosine and sine of `folds` times its yaw."""
    folds: int = Field(ge=1)
    """In how many yaws it looks the same: 4 for a cube."""


class Plane(StrictModel):
    """A plane that the camera sees: robots that are moved to a point of it are driven by clicks into the picture.

    It is where z of robot_XX/base_link is 0.
    """

    workspace: Region
    """Where a motion may end."""
    corners: tuple[Corner, Corner, Corner, Corner]
    """The workspace's corners in the picture: low x and low y, high x and low y, high x and high y, low x and high y."""
    start: tuple[str, str]
    """Quantities of the observation: x and y from which the next motion starts."""
    body: PlanarBody | None = None
    """What is there. None: views show the point."""
    obstacles: tuple[Region, ...] = ()
    goal: Goal | None = None

    @property
    def observed(self) -> tuple[str, ...]:
        """Quantities of the observation that tell what is where."""
        return (*self.start, *(self.body.yaw if self.body else ()), *(self.goal.centre if self.goal else ()))

    @model_validator(mode="after")
    def _seen_from_above(self) -> Self:
        turns = [_turn(*self.corners[at:], *self.corners[:at]) for at in range(4)]
        if not all(turn < 0 for turn in turns):
            raise ValueError(
                "corners: expected the corners of a convex quadrangle, counterclockwise in the picture, "
                f"got {self.corners}"
            )
        return self


def _turn(first: Corner, second: Corner, third: Corner, *_: Corner) -> float:
    """Negative where a way from point to point turns counterclockwise in the picture, whose rows count downwards."""
    return (second[0] - first[0]) * (third[1] - second[1]) - (second[1] - first[1]) * (third[0] - second[0])


class Operation(StrictModel):
    """How a person sees and drives the robot."""

    video: Video
    plane: Plane | None = None
    """None: the picture is a joystick, and where in it the pointer is says which way and how fast."""
