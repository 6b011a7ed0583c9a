"""Checks that viewers show the shapes drawn last, whichever arrays they have received."""

from __future__ import annotations

from math import cos, sin

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from visualization_msgs.msg import Marker, MarkerArray

from fleet_views.markers import Markers
from fleet_views.shape import Form, Shape

ROBOTS = ("robot_01", "robot_02", "robot_03")
NUMBERS = st.floats(-10, 10, width=32)
POINTS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
SHAPES = st.builds(
    Shape,
    robot=st.sampled_from(ROBOTS),
    layer=st.sampled_from(["floor", "driver"]),
    number=st.integers(0, 2),
    form=st.sampled_from(Form),
    size=POINTS,
    colour=st.tuples(*[st.integers(0, 255)] * 3),
    position=POINTS,
    yaw=NUMBERS,
    opacity=st.sampled_from([0.25, 1.0]),
    points=st.lists(POINTS, max_size=3).map(tuple),
    text=st.text(max_size=5),
)
SCENES = st.lists(SHAPES, max_size=6, unique_by=lambda shape: (shape.robot, shape.layer, shape.number))


class Viewer:
    """Applies markers as visualization_msgs/Marker specifies."""

    def __init__(self):
        self.seen = {}

    def take(self, array):
        for marker in array.markers:
            if marker.action == Marker.ADD:
                self.seen[marker.ns, marker.id] = marker
            else:
                assert marker.action == Marker.DELETE
                self.seen.pop((marker.ns, marker.id), None)


def transmitted(array):
    """Return the array after serialization and deserialization."""
    return deserialize_message(serialize_message(array), MarkerArray)


@given(st.lists(SCENES, min_size=1, max_size=5), st.data())
def test_viewers_that_join_late_or_miss_arrays_show_the_shapes_drawn_last(scenes, data):
    markers, complete, lossy, late = Markers(ROBOTS), Viewer(), Viewer(), Viewer()
    for scene in scenes:
        array = transmitted(markers.array(scene))
        complete.take(array)
        if scene is scenes[-1] or data.draw(st.booleans()):
            lossy.take(array)
    late.take(array)
    assert complete.seen == lossy.seen == late.seen
    assert len(complete.seen) == len(scenes[-1])
    for shape in scenes[-1]:
        expected = Markers(ROBOTS).array([shape]).markers[0]
        assert complete.seen[shape.layer, expected.id] == transmitted(MarkerArray(markers=[expected])).markers[0]


@given(SHAPES)
def test_a_marker_has_the_values_of_its_shape(shape):
    (marker,) = Markers(ROBOTS).array([shape]).markers
    types = {
        Form.BOX: Marker.CUBE,
        Form.DISC: Marker.CYLINDER,
        Form.ARROW: Marker.ARROW,
        Form.LINE: Marker.LINE_STRIP,
        Form.TEXT: Marker.TEXT_VIEW_FACING,
    }
    assert (marker.header.frame_id, marker.ns, marker.type) == (
        f"{shape.robot}/base_link",
        shape.layer,
        types[shape.form],
    )
    assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (0, 0), "viewers use the latest transform"
    assert (marker.lifetime.sec, marker.frame_locked) == (0, False)
    position, rotation, size, colour = marker.pose.position, marker.pose.orientation, marker.scale, marker.color
    assert (position.x, position.y, position.z) == shape.position
    assert (size.x, size.y, size.z) == shape.size
    assert marker.text == shape.text
    assert [(point.x, point.y, point.z) for point in marker.points] == list(shape.points)
    np.testing.assert_allclose([colour.r, colour.g, colour.b], np.array(shape.colour) / 255, atol=1e-6)
    assert colour.a == shape.opacity
    # The quaternion rotates the x axis as yaw does.
    x_axis = [1 - 2 * rotation.z**2, 2 * rotation.z * rotation.w]
    np.testing.assert_allclose(x_axis, [cos(shape.yaw), sin(shape.yaw)], atol=1e-9)
    assert (rotation.x, rotation.y) == (0.0, 0.0)


def test_marker_ids_are_unique():
    shapes = [Shape(robot, "floor", number, Form.BOX, (1, 1, 1), (0, 0, 0)) for robot in ROBOTS for number in range(3)]
    ids = {marker.id for marker in Markers(ROBOTS).array(shapes).markers}
    assert len(ids) == len(shapes)
