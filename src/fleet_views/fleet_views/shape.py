"""One thing to see, in a robot's own frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fleet_common.palette import Colour

Point = tuple[float, float, float]
"""x, y and z, m, in robot_XX/base_link."""


class Form(Enum):
    """What a shape looks like."""

    BOX = auto()
    """`size` along its own axes, turned by `yaw`."""
    DISC = auto()
    """An upright cylinder; `size` is its diameter, twice, and its height."""
    ARROW = auto()
    """From the first point to the second; `size` is the diameters of shaft and head, and the length of the head."""
    LINE = auto()
    """Through all points; its width is the first of `size`."""
    TEXT = auto()
    """Upright to whoever looks; the height of a letter is the last of `size`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is drawn. The same robot, layer and number are the same thing at another tick."""

    robot: str
    layer: str
    """What people can switch off as one."""
    number: int
    """Among those of this robot and layer, from 0."""
    form: Form
    size: Point
    colour: Colour
    position: Point = (0.0, 0.0, 0.0)
    """Of its middle."""
    yaw: float = 0.0
    """rad."""
    opacity: float = 1.0
    points: tuple[Point, ...] = ()
    text: str = ""
