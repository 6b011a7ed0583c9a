"""Images as a video and back, so well kept that policies can learn from them.

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
"""Nothing is lost but by rounding to YUV and back, and every second frame is a key frame: frames are read in any order."""
SMPTE_170M, LIMITED = 6, 1
"""ITU-T H.273: what `Colorspace.ITU601` and `ColorRange.MPEG` are called in the stream."""


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], size: tuple[int, int], fps: float
) -> dict[str, object]:
    """Write images (H, W, 3), red green blue, as MP4, one every 1 / fps seconds from 0.

    Returns:
        What a LeRobotDataset says about its videos.
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
    """Time in seconds and image (H, W, 3), red green blue, of every frame.

    Raises:
        BadInput: it is no video, or damaged.
    """
    try:
        with av.open(path) as container:
            for frame in container.decode(video=0):
                yield float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="rgb24"))
    except (FFmpegError, IndexError) as error:
        raise InputError(f"{path}: found no whole video ({error}), allowed is the file as it was written.") from None
