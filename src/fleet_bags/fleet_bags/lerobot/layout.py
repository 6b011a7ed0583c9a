"""Defines the files and features of a LeRobotDataset v3.0.

Source: https://huggingface.co/docs/lerobot/lerobot-dataset-v3 and what lerobot 0.4.4 reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet_contract.robot import RobotContract

VERSION = "v3.0"
INFO, STATS, TASKS = Path("meta/info.json"), Path("meta/stats.json"), Path("meta/tasks.parquet")
_FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
EPISODES, DATA, VIDEO = (
    f"meta/episodes/{_FILE}.parquet",
    f"data/{_FILE}.parquet",
    f"videos/{{video_key}}/{_FILE}.mp4",
)
FILES_PER_CHUNK = 1000
STATE, CAMERA, ACTION = "observation.state", "observation.images.camera", "action"
SCALARS: Mapping[str, str] = {
    "intervention": "bool",
    "source": "int64",
    "policy_version": "int64",
    "uncertainty": "float32",
    "violated": "bool",
    "tick": "int64",
    "next.reward": "float32",
    "next.done": "bool",
    "next.success": "bool",
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
"""Types of the scalar features. No name starts with `observation` or `action`: policies would learn from such a feature."""


def place(number: int) -> dict[str, int]:
    """Return chunk and index of the file with this number."""
    return {"chunk_index": number // FILES_PER_CHUNK, "file_index": number % FILES_PER_CHUNK}


def features_of(contract: RobotContract, *, has_images: bool, excluded: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Return what info.json holds about the features of these robots, without the excluded scalar features."""
    camera = contract.observation.camera if has_images else None
    vectors = {STATE: contract.observation.state.quantities, ACTION: contract.action.quantities}
    features: dict[str, dict[str, Any]] = {
        name: {
            "dtype": "float32",
            "shape": [len(quantities)],
            "names": [quantity.name for quantity in quantities],
        }
        for name, quantities in vectors.items()
    }
    if camera:
        shape = [camera.height, camera.width, 3]
        features[CAMERA] = {"dtype": "video", "shape": shape, "names": ["height", "width", "channels"]}
    scalars = {name: dtype for name, dtype in SCALARS.items() if name not in excluded}
    return features | {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in scalars.items()}


def fps_of(contract: RobotContract) -> float:
    """Return the frames per second, as an int where possible: lerobot expects that."""
    return int(contract.rate_hz) if contract.rate_hz.is_integer() else contract.rate_hz
