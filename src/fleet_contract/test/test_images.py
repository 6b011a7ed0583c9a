"""Pixels survive the conversion to sensor_msgs/Image and back, and other implementations read the same pixels."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage
from sensor_msgs.msg import Image

from fleet_contract.images import CHANNELS, fill_message, to_array
from fleet_contract.observation import image_of
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml

RAW_MODES = {"rgb8": ("RGB", "RGB"), "bgr8": ("RGB", "BGR"), "mono8": ("L", "L")}


@st.composite
def images(draw, encodings=tuple(CHANNELS)):
    """Return an encoding and pixels, (H, W, C) or (H, W)."""
    encoding = draw(st.sampled_from(encodings))
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    shape = (rows, columns) if encoding == "mono8" else (rows, columns, CHANNELS[encoding])
    return encoding, draw(arrays(np.uint8, shape))


def message_of(encoding, pixels, padding=0) -> Image:
    """Return an image message with padding at the end of every row."""
    rows = pixels.reshape(len(pixels), -1)
    padded = np.hstack([rows, np.full((len(rows), padding), 0xAA, np.uint8)])
    return Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=padded.shape[1],
        data=array("B", padded.tobytes()),
    )


def assert_same(pixels, expected):
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    np.testing.assert_array_equal(pixels, expected)


@given(images())
def test_a_round_trip_returns_the_image(image):
    encoding, pixels = image
    message = Image()
    message.header.frame_id = "camera"
    fill_message(message, pixels, encoding)
    assert_same(to_array(message), pixels)
    assert message.header.frame_id == "camera"
    expected = message_of(encoding, pixels)
    expected.header.frame_id = "camera"
    assert message == expected


@given(images(), st.integers(0, 7))
def test_padding_of_rows_is_ignored(image, padding):
    encoding, pixels = image
    assert_same(to_array(message_of(encoding, pixels, padding)), pixels)


@given(images())
def test_endianness_does_not_affect_single_bytes(image):
    encoding, pixels = image
    message = message_of(encoding, pixels)
    message.is_bigendian = 1
    assert_same(to_array(message), pixels)


@given(images(), st.integers(0, 7))
def test_pillow_reads_the_same_image(image, padding):
    encoding, pixels = image
    message = message_of(encoding, pixels, padding)
    mode, raw = RAW_MODES[encoding]
    seen = PillowImage.frombuffer(
        mode, (message.width, message.height), bytes(message.data), "raw", raw, message.step, 1
    )
    ours = to_array(message)
    assert_same(ours[..., ::-1] if encoding == "bgr8" else ours, np.asarray(seen))


@given(images())
def test_rosbags_reads_the_same_image(image):
    rosbags_image = pytest.importorskip("rosbags.image", reason="rosbags-image needs OpenCV", exc_type=ImportError)
    encoding, pixels = image
    message = Image()
    fill_message(message, pixels, encoding)
    assert_same(to_array(message), rosbags_image.image_to_cvimage(message))


@given(images())
def test_cv_bridge_reads_the_same_image(image):
    try:
        bridge = pytest.importorskip("cv_bridge", exc_type=ImportError).CvBridge()
        bridge.cv2_to_imgmsg(np.zeros((2, 2, 3), np.uint8), encoding="rgb8")
    except AttributeError:
        pytest.skip("cv_bridge does not work with this numpy")
    encoding, pixels = image
    message = bridge.cv2_to_imgmsg(pixels, encoding=encoding)
    assert_same(to_array(message), pixels)
    assert_same(bridge.imgmsg_to_cv2(message_of(encoding, pixels), "passthrough"), pixels)


def test_a_grey_image_may_have_a_third_axis():
    message = Image()
    fill_message(message, np.arange(6, dtype=np.uint8).reshape(2, 3, 1), "mono8")
    assert_same(to_array(message), np.arange(6, dtype=np.uint8).reshape(2, 3))


def test_pixels_in_any_memory_order_are_written_in_rows():
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    for view in (np.asfortranarray(pixels), pixels[::-1], pixels[..., ::-1]):
        message = Image()
        fill_message(message, view, "rgb8")
        assert_same(to_array(message), view)


@given(images(), st.data())
def test_a_buffer_that_does_not_fit_is_refused(image, data):
    encoding, pixels = image
    message = message_of(encoding, pixels)
    wrong = data.draw(st.sampled_from(["short", "long", "step", "width"]))
    if wrong == "short":
        message.data = message.data[:-1]
    elif wrong == "long":
        message.data = message.data + array("B", [0])
    elif wrong == "step":
        message.step += 1
    else:
        message.width += 1
    with pytest.raises(
        ValueError, match=rf"^expected {message.width}x{message.height} pixels of {encoding}, got \d+ bytes in rows"
    ):
        to_array(message)


@pytest.mark.parametrize("encoding", ["", "rgba8", "16UC1", "jpeg"])
def test_other_encodings_are_refused_in_both_directions(encoding):
    with pytest.raises(ValueError, match="expected one of rgb8, bgr8, mono8, got "):
        to_array(Image(encoding=encoding))
    with pytest.raises(ValueError, match="expected one of rgb8, bgr8, mono8, got "):
        fill_message(Image(), np.zeros((2, 2, 3), np.uint8), encoding)


@pytest.mark.parametrize(
    ("shape", "kind", "encoding"),
    [
        ((2, 2), np.uint8, "rgb8"),
        ((2, 2, 4), np.uint8, "rgb8"),
        ((2, 2, 3), np.uint8, "mono8"),
        ((2, 2, 3), np.float32, "rgb8"),
        ((2, 2, 3), np.int8, "bgr8"),
        ((6,), np.uint8, "mono8"),
        ((1, 2, 2, 3), np.uint8, "rgb8"),
        ((), np.uint8, "mono8"),
    ],
)
def test_arrays_that_do_not_fit_the_encoding_are_refused(shape, kind, encoding):
    with pytest.raises(ValueError, match=rf"^expected a {encoding} image, got an array of shape"):
        fill_message(Image(), np.zeros(shape, kind), encoding)


CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)


def test_an_image_that_fits_the_contract_is_read():
    pixels, message = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8), Image()
    fill_message(message, pixels, "rgb8")
    assert_same(image_of(message, CONTRACT), pixels)


@pytest.mark.parametrize(("shape", "encoding"), [((96, 95, 3), "rgb8"), ((96, 96, 3), "bgr8"), ((96, 96), "mono8")])
def test_an_image_that_does_not_fit_the_contract_is_refused(shape, encoding):
    message = Image()
    fill_message(message, np.zeros(shape, np.uint8), encoding)
    with pytest.raises(ValueError, match=f"expected 96x96 rgb8, got {shape[1]}x96 {encoding}"):
        image_of(message, CONTRACT)
