"""Reads and writes metadata.yaml, which describes a bag in rosbag2's format, version 9."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import override

from fleet_bags.disk import replace_durably

FILE = "metadata.yaml"
ROOT_KEY = "rosbag2_bagfile_information"
"""The only key at the top level of metadata.yaml."""
NEVER_NS = 2**63 - 1
"""Start time that rosbag2 writes for a file or bag without messages, ns."""
FOREVER = {"sec": NEVER_NS // 10**9, "nsec": NEVER_NS % 10**9}


@dataclass(frozen=True)
class Topic:
    """A topic of a bag."""

    name: str
    type: str
    definition: str
    """Message definition of the type and of all types in it, as .msg text."""
    type_hash: str
    """RIHS01 hash of the type."""
    qos: str
    """QoS profiles of the publishers, as rosbag2 writes them into MCAP channels: a list as YAML text."""


@dataclass(frozen=True)
class Part:
    """One file of a bag."""

    name: str
    begin_ns: int
    """Receive time of the first message, ns; NEVER_NS without messages."""
    end_ns: int
    """Receive time of the last message, ns; 0 without messages."""
    counts: Mapping[str, int]
    """Number of messages by topic."""


class _Dumper(yaml.CSafeDumper):
    """Writes YAML without aliases, as rosbag2 does."""

    @override
    def ignore_aliases(self, _: object) -> bool:
        return True


def reliable_qos(depth: int) -> str:
    """Return the QoS profile of a reliable, transient-local publisher with this history depth."""
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
    return _yaml_text([profile]).strip()


def metadata(parts: Sequence[Part], topics: Sequence[Topic], custom_data: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of metadata.yaml; `custom_data` is what the recorder writes about the run."""
    counts = sum((Counter(part.counts) for part in parts), Counter[str]())
    begin_ns = min((part.begin_ns for part in parts), default=NEVER_NS)
    end_ns = max((part.end_ns for part in parts), default=0)
    information = {
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
        # The distribution whose message definitions are in the bag.
        "ros_distro": "kilted",
    }
    return {ROOT_KEY: information}


def write_metadata(folder: Path, content: Mapping[str, Any]) -> None:
    """Write metadata.yaml atomically.

    Raises:
        OSError: the disk is full or broken; an existing file is unchanged.
    """
    replace_durably(folder / FILE, _yaml_text(content).encode())


def read_metadata(folder: Path) -> Any:
    """Return the unchecked content of metadata.yaml; None if the file is missing or not YAML."""
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
    """Return parsed QoS profiles, cached because many topics share a few of them."""
    return yaml.safe_load(qos)


def _duration(begin_ns: int, end_ns: int) -> dict[str, int]:
    return {"nanoseconds": max(0, end_ns - begin_ns)}


def _yaml_text(content: object) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)
