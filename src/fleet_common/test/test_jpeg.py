"""Images survive the conversion to JPEG and back, except for compression losses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fleet_common.jpeg import from_jpeg, to_jpeg

ACROSS, DOWN = np.meshgrid(np.arange(64), np.arange(48))
PICTURE = np.stack([4 * ACROSS, 5 * DOWN, np.full_like(ACROSS, 90)], axis=-1).astype(np.uint8)
"""Red grows to the right, green downwards."""


def test_a_round_trip_returns_the_image():
    assert np.abs(from_jpeg(to_jpeg(PICTURE)).astype(int) - PICTURE).mean() < 3


def test_another_decoder_reads_the_same_colours():
    read = np.asarray(Image.open(io.BytesIO(to_jpeg(PICTURE))).convert("RGB")).astype(int)
    assert np.abs(read - PICTURE).mean() < 3


def test_the_jpeg_of_another_encoder_is_read():
    written = io.BytesIO()
    Image.fromarray(PICTURE).save(written, "JPEG", quality=95)
    assert np.abs(from_jpeg(written.getvalue()).astype(int) - PICTURE).mean() < 3


@pytest.mark.parametrize("jpeg", [b"", b"no picture", to_jpeg(PICTURE)[:20]])
def test_bytes_that_are_not_a_jpeg_are_refused(jpeg):
    with pytest.raises(ValueError, match=f"^expected a JPEG image, got {len(jpeg)} bytes$"):
        from_jpeg(jpeg)
