"""Messages of robots' own topics are converted to arrays and back by name, in the contract's units and in any order."""

from __future__ import annotations

import copy
import math
from array import array
from io import BytesIO

import numpy as np
import pytest
from geometry_msgs.msg import Twist, TwistStamped
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray
from test_native_contract import TREE, contract, joints, with_change
from trajectory_msgs.msg import JointTrajectory

from fleet_contract.fields import LAYOUTS
from fleet_contract.message_types import message_class
from fleet_contract.translation import command_of, fill_command, numbers_of, picture_of, state_from
from fleet_contract.units import FACTORS, factor

IN_ONE = {  # from other sources: what one of the unit is in the first of its kind
    ("%", "1"): 0.01,
    ("cm", "m"): 1e-2,
    ("mm", "m"): 1e-3,
    ("km", "m"): 1e3,
    ("deg", "rad"): 0.017453292519943295,
    ("ms", "s"): 1e-3,
    ("cm/s", "m/s"): 1e-2,
    ("mm/s", "m/s"): 1e-3,
    ("km/h", "m/s"): 0.2777777777777778,
    ("deg/s", "rad/s"): 0.017453292519943295,
    ("rpm", "rad/s"): 0.10471975511965977,
    ("kN", "N"): 1e3,
    ("Nmm", "Nm"): 1e-3,
}
NUMBERS = st.floats(-1e6, 1e6)
BASE = contract(TREE)


def test_factors_are_those_of_the_units_definitions():
    factors = {(unit, next(iter(units))): value for units in FACTORS for unit, value in units.items()}
    assert {pair: value for pair, value in factors.items() if pair[0] != pair[1]} == pytest.approx(IN_ONE)


@given(st.sampled_from(FACTORS).flatmap(lambda units: st.tuples(*[st.sampled_from(sorted(units))] * 2)))
def test_a_round_trip_between_units_changes_nothing(pair):
    one, other = pair
    assert factor(one, other) * factor(other, one) == pytest.approx(1.0)


def test_a_unit_without_a_factor_is_converted_to_itself_only():
    assert factor("lux", "lux") == 1.0
    with pytest.raises(ValueError, match=r"^expected one of lux for a quantity in 'lux', got 'm'$"):
        factor("m", "lux")


def test_numbers_are_selected_and_converted():
    beacon, sonar = BASE.require_native().state
    parts = [
        numbers_of(Float64MultiArray(data=[1500.0, -250.0]), beacon, BASE),
        numbers_of(Float64MultiArray(data=[10.0, 20.0, 30.0, 40.0, 50.0]), sonar, BASE),
    ]
    assert parts[0] == pytest.approx({"beacon_ahead": 1.5, "beacon_left": -0.25})
    for order in (parts, parts[::-1]):
        assert state_from(order, BASE) == pytest.approx([1.5, -0.25, 0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [([1.0], "expected data[1], got 1 values"), ([1.0, math.nan], "expected finite values, got [1.0, nan]")],
)
def test_messages_without_the_numbers_are_refused(data, sentence):
    with pytest.raises(ValueError, match=r"data|finite") as caught:
        numbers_of(Float64MultiArray(data=data), BASE.require_native().state[0], BASE)
    assert str(caught.value) == sentence


@given(st.permutations(["a", "b", "c", "d"]), st.lists(NUMBERS, min_size=4, max_size=4))
def test_joints_are_found_by_name_in_any_order(order, values):
    layout = LAYOUTS["sensor_msgs/msg/JointState"]
    message = JointState(name=order, position=values, velocity=values[::-1])
    read = layout.read(message, ["velocity[b]", "position[c]"])
    assert read == [values[::-1][order.index("b")], values[order.index("c")]]


@pytest.mark.parametrize(
    ("message", "field", "sentence"),
    [
        (JointState(name=["a"], position=[1.0]), "position[b]", "expected position[b], got joints a"),
        (JointState(name=["a"], position=[1.0]), "effort[a]", "expected effort[a], got 0 values for 1 joints"),
    ],
)
def test_a_missing_joint_is_named(message, field, sentence):
    with pytest.raises(ValueError, match="expected") as caught:
        LAYOUTS["sensor_msgs/msg/JointState"].read(message, [field])
    assert str(caught.value) == sentence


def test_a_trajectory_without_points_has_no_numbers():
    with pytest.raises(ValueError, match=r"^expected at least one point, got none$"):
        LAYOUTS["trajectory_msgs/msg/JointTrajectory"].read(JointTrajectory(joint_names=["a"]), ["positions[a]"])


FIELDS = {
    "sensor_msgs/msg/JointState": ["effort[b]", "effort[a]"],
    "geometry_msgs/msg/Twist": ["angular.z", "linear.y"],
    "geometry_msgs/msg/TwistStamped": ["twist.angular.z", "twist.linear.y"],
    "trajectory_msgs/msg/JointTrajectory": ["velocities[b]", "velocities[a]"],
    "std_msgs/msg/Float64MultiArray": ["data[1]", "data[0]"],
}


@pytest.mark.parametrize("kind", LAYOUTS)
@given(values=st.tuples(NUMBERS, NUMBERS))
def test_written_fields_are_read_back(kind, values):
    message = message_class(kind)()
    LAYOUTS[kind].fill(message, FIELDS[kind], values, 0.2)
    assert LAYOUTS[kind].read(message, FIELDS[kind]) == list(values)


def test_a_command_is_in_the_robots_units_and_nothing_else_is_set():
    fast = with_change((("native", "action", "quantities", "speed", "unit"), "km/h"))
    message = Twist()
    fill_command(message, np.array([0.5, -1.0]), fast, duration_s=0.2)
    assert (message.linear.x, message.angular.z) == pytest.approx((1.8, -1.0))
    message.linear.x = message.angular.z = 0.0
    assert message == Twist(), "nothing else"
    fill_command(message, np.array([0.5, -1.0]), fast, duration_s=0.2)
    assert command_of(message, fast) == pytest.approx([0.5, -1.0])


def test_a_stamped_command_nests_its_numbers():
    tree = copy.deepcopy(TREE)
    tree["native"]["action"] |= {"type": "geometry_msgs/msg/TwistStamped"}
    for quantity in tree["native"]["action"]["quantities"].values():
        quantity["field"] = f"twist.{quantity['field']}"
    message = TwistStamped()
    fill_command(message, np.array([0.5, -1.0]), contract(tree), duration_s=0.2)
    assert (message.twist.linear.x, message.twist.angular.z) == (0.5, -1.0)


def test_a_trajectory_has_one_point_at_the_end_of_the_motion():
    arm = joints()
    arm[2] = (("native", "action", "type"), "trajectory_msgs/msg/JointTrajectory")
    for quantity in arm[3][1].values():
        quantity["field"] = quantity["field"].replace("position", "positions")
        quantity["unit"] = "mm"
    message = JointTrajectory()
    fill_command(message, np.array([0.25, -0.5]), with_change(*arm), duration_s=1.25)
    (point,) = message.points
    assert (message.joint_names, point.positions.tolist()) == (["a", "b"], [250.0, -500.0])
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (1, 250_000_000)


COLOURED = np.zeros((24, 32, 3), np.uint8)
COLOURED[:, :16], COLOURED[:, 16:] = (200, 100, 0), (0, 40, 250)
GREY = {"left": round(0.299 * 200 + 0.587 * 100), "right": round(0.587 * 40 + 0.114 * 250)}


def compressed(kind: str) -> CompressedImage:
    file = BytesIO()
    Picture.fromarray(COLOURED).save(file, kind, **({"quality": 95, "subsampling": 0} if kind == "jpeg" else {}))
    return CompressedImage(format=f"rgb8; {kind} compressed bgr8", data=array("B", file.getvalue()))


def raw(encoding: str) -> Image:
    """An image as drivers write it: `fill_message` writes some of the encodings alone."""
    opaque = np.full((24, 32, 1), 255, np.uint8)
    pixels = {
        "rgb8": COLOURED,
        "bgr8": COLOURED[..., ::-1],
        "rgba8": np.concatenate([COLOURED, opaque], 2),
        "bgra8": np.concatenate([COLOURED[..., ::-1], opaque], 2),
        "8UC3": COLOURED[..., ::-1],
        "8UC4": np.concatenate([COLOURED[..., ::-1], opaque], 2),
        "mono8": np.asarray(Picture.fromarray(COLOURED).convert("L")),
    }[encoding]
    data = array("B", np.ascontiguousarray(pixels).tobytes())
    return Image(encoding=encoding, height=24, width=32, step=len(data) // 24, data=data)


@pytest.mark.parametrize("size", [(32, 24), (16, 12), (8, 12)])
@pytest.mark.parametrize(
    "message",
    [
        *map(compressed, ("png", "jpeg")),
        *map(raw, ("rgb8", "bgr8", "rgba8", "bgra8", "8UC3", "8UC4")),
    ],
)
def test_images_of_any_type_are_converted_to_the_requested_size_and_encoding(message, size):
    width, height = size
    for encoding, left in (("rgb8", (200, 100, 0)), ("bgr8", (0, 100, 200)), ("mono8", (GREY["left"],))):
        pixels = picture_of(message, width=width, height=height, encoding=encoding)
        assert pixels.shape == (height, width, len(left))
        assert np.abs(pixels[:, 0].astype(int) - left).max() <= 4


def test_a_grey_image_stays_grey_in_colour_encodings():
    pixels = picture_of(raw("mono8"), width=32, height=24, encoding="rgb8")
    assert np.abs(pixels[0, -1].astype(int) - GREY["right"]).max() <= 1


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            CompressedImage(format="jpeg", data=array("B", b"nothing")),
            "expected a whole JPEG or PNG image, got 7 bytes of format 'jpeg'",
        ),
        (CompressedImage(format="png"), "expected a whole JPEG or PNG image, got 0 bytes of format 'png'"),
        *(
            (
                CompressedImage(format=own.format, data=own.data[:share]),
                f"expected a whole JPEG or PNG image, got {share} ",
            )
            for own in map(compressed, ("jpeg", "png"))
            for share in (len(own.data) // 2, len(own.data) - 20)
        ),
        (
            Image(encoding="16UC1"),
            "encoding: expected one of rgb8, bgr8, mono8, rgba8, bgra8, 8UC1, 8UC3, 8UC4, got '16UC1'",
        ),
        (Image(encoding="rgb8", height=2, width=2, step=6), "expected 2x2 pixels of rgb8, got 0 bytes in rows of 6"),
    ],
)
def test_messages_without_an_image_are_refused(message, sentence):
    with pytest.raises(ValueError, match=r"expected|bytes") as caught:
        picture_of(message, width=8, height=8, encoding="rgb8")
    assert str(caught.value).startswith(sentence)
