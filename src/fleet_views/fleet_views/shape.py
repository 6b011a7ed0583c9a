"""The shapes that are drawn, each in its robot's own frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fleet_common.palette import Colour

Point = tuple[float, float, float]
"""x, y and z in robot_XX/base_link, m."""


class Form(Enum):
    """Geometry of a shape."""

    BOX = auto()
    """A box of `size` along its own axes, turned by `yaw`."""
    DISC = auto()
    """An upright cylinder; `size` is its diameter, twice, and its height."""
    ARROW = auto()
    """From the first point to the second; `size` is the diameters of shaft and head, and the length of the head."""
    LINE = auto()
    """Through all points; its width is the first of `size`."""
    TEXT = auto()
    """Text that faces the viewer; the height of a letter is the last of `size`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape. Shapes of the same robot, layer and number at different ticks replace each other."""

    robot: str
    layer: str
    """Namespace that viewers can switch off as a whole."""
    number: int
    """Index among the shapes of this robot and layer, from 0."""
    form: Form
    size: Point
    colour: Colour
    position: Point = (0.0, 0.0, 0.0)
    """Centre of the shape."""
    yaw: float = 0.0
    """Rotation about the z axis, rad."""
    opacity: float = 1.0
    points: tuple[Point, ...] = ()
    text: str = ""
