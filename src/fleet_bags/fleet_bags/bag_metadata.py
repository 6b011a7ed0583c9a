"""What metadata.yaml says about a bag: rosbag2's format, version 9."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from fleet_bags.disk import replace_durably

FILE = "metadata.yaml"
ROOT_KEY = "rosbag2_bagfile_information"
"""Its one key."""
NEVER_NS = 2**63 - 1
"""Beginning of what holds no message, as rosbag2 says it."""
FOREVER = {"sec": NEVER_NS // 10**9, "nsec": NEVER_NS % 10**9}


@dataclass(frozen=True)
class Topic:
    """A topic of a bag."""

    name: str
    type: str
    definition: str
    """Of the type and all that it is made of, as .msg text."""
    type_hash: str
    """RIHS01."""
    qos: str
    """Of those who publish it, as rosbag2 writes it into MCAP channels: YAML text of a list."""


@dataclass(frozen=True)
class Part:
    """One file of a bag."""

    name: str
    begin_ns: int
    """When its first message was received; NEVER_NS: it has none."""
    end_ns: int
    """When the last one was."""
    counts: Mapping[str, int]
    """Messages by topic."""


class _Plain(yaml.CSafeDumper):
    """Says everything where it stands, in rosbag2's order."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def reliable_qos(depth: int) -> str:
    """Quality of service of a publisher that is reliable, transient-local, and keeps its last `depth` messages."""
    profile = {
        "history": "keep_last",
        "depth": depth,
        "reliability": "reliable",
        "durability": "transient_local",
        "deadline": FOREVER,
        "lifespan": FOREVER,
        "liveliness": "automatic",
        "liveliness_lease_duration": FOREVER,
        "avoid_ros_namespace_conventions": False,
    }
    return _text([profile]).strip()


def metadata(parts: Sequence[Part], topics: Sequence[Topic], custom_data: Mapping[str, str]) -> dict[str, Any]:
    """The content of metadata.yaml; `custom_data` is what the recorder says about the run."""
    counts = sum((Counter(part.counts) for part in parts), Counter[str]())
    begin_ns = min((part.begin_ns for part in parts), default=NEVER_NS)
    end_ns = max((part.end_ns for part in parts), default=0)
    about = {
        "version": 9,
        "storage_identifier": "mcap",
        "duration": _duration(begin_ns, end_ns),
        "starting_time": {"nanoseconds_since_epoch": begin_ns},
        "message_count": counts.total(),
        "topics_with_message_count": [
            {"topic_metadata": _topic(topic), "message_count": counts[topic.name]} for topic in topics
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [part.name for part in parts],
        "files": [
            {
                "path": part.name,
                "starting_time": {"nanoseconds_since_epoch": part.begin_ns},
                "duration": _duration(part.begin_ns, part.end_ns),
                "message_count": sum(part.counts.values()),
            }
            for part in parts
        ],
        "custom_data": dict(custom_data),
        # Whose message definitions are in the bag.
        "ros_distro": "kilted",
    }
    return {ROOT_KEY: about}


def write_metadata(folder: Path, content: Mapping[str, Any]) -> None:
    """Write metadata.yaml, whole or not at all.

    Raises:
        OSError: the disk does not take it; what was there before is there still.
    """
    replace_durably(folder / FILE, _text(content).encode())


def read_metadata(folder: Path) -> Any:
    """The content of metadata.yaml, whatever it is; None where there is none that can be read."""
    try:
        return yaml.load((folder / FILE).read_bytes(), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return None


def _topic(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "type": topic.type,
        "serialization_format": "cdr",
        "offered_qos_profiles": _profiles(topic.qos),
        "type_description_hash": topic.type_hash,
    }


@lru_cache
def _profiles(qos: str) -> Any:
    """There are few, and many topics."""
    return yaml.safe_load(qos)


def _duration(begin_ns: int, end_ns: int) -> dict[str, int]:
    return {"nanoseconds": max(0, end_ns - begin_ns)}


def _text(content: object) -> str:
    return yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=10**6)
