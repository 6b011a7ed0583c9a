"""Tells the formats of bags' files apart by their first bytes: their names may say anything."""

from __future__ import annotations

from pathlib import Path

ROSBAG1, MCAP, SQLITE = ".bag", ".mcap", ".db3"
"""Formats by the suffix that their files usually have."""
_MAGIC = {b"#ROSBAG V": ROSBAG1, b"\x89MCAP": MCAP, b"SQLite format 3": SQLITE}


def storage_format(file: Path) -> str:
    """Return the format of a file; its suffix if the first bytes are those of none."""
    with file.open("rb") as opened:
        begin = opened.read(max(map(len, _MAGIC)))
    return next((own for magic, own in _MAGIC.items() if begin.startswith(magic)), file.suffix)
