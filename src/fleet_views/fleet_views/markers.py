"""Shapes as visualization_msgs/MarkerArray."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import cos, sin

from geometry_msgs.msg import Point
from visualization_msgs.msg import Marker, MarkerArray

from fleet_views.shape import Form, Shape

TYPES = {
    Form.BOX: Marker.CUBE,
    Form.DISC: Marker.CYLINDER,
    Form.ARROW: Marker.ARROW,
    Form.LINE: Marker.LINE_STRIP,
    Form.TEXT: Marker.TEXT_VIEW_FACING,
}
PER_LAYER = 1000
"""A robot has fewer shapes in a layer."""


class Markers:
    """Arrays that are complete: what is not in one is deleted by it. A message is written anew only where its shape changed."""

    def __init__(self, robots: Sequence[str]) -> None:
        self._first = {robot: PER_LAYER * index for index, robot in enumerate(robots)}
        self._drawn: dict[tuple[str, str, int], tuple[Shape | None, Marker]] = {}

    def array(self, shapes: Iterable[Shape]) -> MarkerArray:
        """The message that shows these shapes and nothing else. It is good until the next one is made."""
        left = set(self._drawn)
        for shape in shapes:
            key = shape.robot, shape.layer, shape.number
            before, marker = self._drawn.get(key, (None, None))
            left.discard(key)
            if shape != before:
                marker = self._marker(shape, marker or Marker())
                self._drawn[key] = shape, marker
        for key in left:
            _, marker = self._drawn[key]
            marker.action = Marker.DELETE
            self._drawn[key] = None, marker
        return MarkerArray(markers=[marker for _, marker in self._drawn.values()])

    def _marker(self, shape: Shape, marker: Marker) -> Marker:
        """The stamp stays zero: the place is where the robot's frame is now."""
        marker.header.frame_id = f"{shape.robot}/base_link"
        marker.ns, marker.id = shape.layer, self._first[shape.robot] + shape.number
        marker.type, marker.action = TYPES[shape.form], Marker.ADD
        place, turn, size, colour = marker.pose.position, marker.pose.orientation, marker.scale, marker.color
        place.x, place.y, place.z = shape.position
        turn.z, turn.w = sin(shape.yaw / 2), cos(shape.yaw / 2)
        size.x, size.y, size.z = shape.size
        colour.r, colour.g, colour.b = (channel / 255 for channel in shape.colour)
        colour.a = shape.opacity
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in shape.points]
        marker.text = shape.text
        return marker
