"""Writes and reads videos with so little loss that policies can learn from their images.

H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet_contract.validation import InputError

CODEC, PIXELS = "libx264", "yuv444p"
OPTIONS = {"qp": "0", "g": "2"}
"""Encoder options: only the conversion to YUV and back rounds, and every second frame is a key frame for random access."""
SMPTE_170M, LIMITED = 6, 1
"""ITU-T H.273 codes of `Colorspace.ITU601` and `ColorRange.MPEG` in the stream."""


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], size: tuple[int, int], fps: float
) -> dict[str, object]:
    """Write RGB images (H, W, 3) as MP4, one every 1 / fps seconds from 0.

    Returns:
        What info.json of a LeRobotDataset holds about its videos.
    """
    height, width = size
    reformatter = VideoReformatter()
    with av.open(path, "w", format="mp4") as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast("VideoStream", container.add_stream(CODEC, rate=rate, options=OPTIONS))
        stream.width, stream.height, stream.pix_fmt = width, height, PIXELS
        stream.codec_context.colorspace, stream.codec_context.color_range = SMPTE_170M, LIMITED
        for pixels in frames:
            frame = reformatter.reformat(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"),
                format=PIXELS,
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=ColorRange.MPEG,
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return {
        "video.height": height,
        "video.width": width,
        "video.codec": "h264",
        "video.pix_fmt": PIXELS,
        "video.is_depth_map": False,
        "video.fps": fps,
        "video.channels": 3,
        "has_audio": False,
    }


def read_video(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield time in seconds and RGB image (H, W, 3) of every frame.

    Raises:
        InputError: the file is not a video, or a damaged one.
    """
    try:
        with av.open(path) as container:
            for frame in container.decode(video=0):
                yield float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="rgb24"))
    except (FFmpegError, IndexError) as error:
        raise InputError(f"{path}: expected a complete video, got one that cannot be read ({error}).") from None
