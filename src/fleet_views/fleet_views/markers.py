"""Converts shapes to visualization_msgs/MarkerArray."""

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
"""Upper limit of the number of shapes of one robot in a layer."""


class Markers:
    """Builds arrays that are complete: each deletes the markers that it does not show. Unchanged markers are reused."""

    def __init__(self, robots: Sequence[str]) -> None:
        self._first = {robot: PER_LAYER * index for index, robot in enumerate(robots)}
        self._drawn: dict[tuple[str, str, int], tuple[Shape | None, Marker]] = {}

    def array(self, shapes: Iterable[Shape]) -> MarkerArray:
        """Return the message that shows these shapes and nothing else. It is valid until the next call."""
        obsolete = set(self._drawn)
        for shape in shapes:
            key = shape.robot, shape.layer, shape.number
            before, marker = self._drawn.get(key, (None, None))
            obsolete.discard(key)
            if shape != before:
                marker = self._marker(shape, marker or Marker())
                self._drawn[key] = shape, marker
        for key in obsolete:
            _, marker = self._drawn[key]
            marker.action = Marker.DELETE
            self._drawn[key] = None, marker
        return MarkerArray(markers=[marker for _, marker in self._drawn.values()])

    def _marker(self, shape: Shape, marker: Marker) -> Marker:
        """Fill the marker. Its stamp stays zero: viewers then use the latest transform of the robot's frame."""
        marker.header.frame_id = f"{shape.robot}/base_link"
        marker.ns, marker.id = shape.layer, self._first[shape.robot] + shape.number
        marker.type, marker.action = TYPES[shape.form], Marker.ADD
        position, rotation, size, colour = marker.pose.position, marker.pose.orientation, marker.scale, marker.color
        position.x, position.y, position.z = shape.position
        rotation.z, rotation.w = sin(shape.yaw / 2), cos(shape.yaw / 2)
        size.x, size.y, size.z = shape.size
        colour.r, colour.g, colour.b = (channel / 255 for channel in shape.colour)
        colour.a = shape.opacity
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in shape.points]
        marker.text = shape.text
        return marker
