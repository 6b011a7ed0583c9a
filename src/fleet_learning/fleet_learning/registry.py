"""Registries to which every installed package may add, by entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name; finding them reads the metadata of all installed packages."""
    return {entry.name: entry for entry in entry_points(group=group)}
