"""Pictures for people survive the way but for what JPEG loses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fleet_common.jpeg import from_jpeg, to_jpeg

ACROSS, DOWN = np.meshgrid(np.arange(64), np.arange(48))
PICTURE = np.stack([4 * ACROSS, 5 * DOWN, np.full_like(ACROSS, 90)], axis=-1).astype(np.uint8)
"""Red grows to the right, green downwards."""


def test_there_and_back():
    assert np.abs(from_jpeg(to_jpeg(PICTURE)).astype(int) - PICTURE).mean() < 3


def test_another_reader_sees_the_same_colours():
    read = np.asarray(Image.open(io.BytesIO(to_jpeg(PICTURE))).convert("RGB")).astype(int)
    assert np.abs(read - PICTURE).mean() < 3


def test_another_writers_picture_is_read():
    written = io.BytesIO()
    Image.fromarray(PICTURE).save(written, "JPEG", quality=95)
    assert np.abs(from_jpeg(written.getvalue()).astype(int) - PICTURE).mean() < 3


@pytest.mark.parametrize("jpeg", [b"", b"no picture", to_jpeg(PICTURE)[:20]])
def test_what_is_no_jpeg_is_refused(jpeg):
    with pytest.raises(ValueError, match=f"{len(jpeg)} bytes are no JPEG image"):
        from_jpeg(jpeg)
