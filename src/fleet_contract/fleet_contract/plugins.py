"""Finds the parts that installed packages add to the stack: entry points, one group for each kind of part."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fleet_contract.validation import InputError, StrictModel


class NoOptions(StrictModel):
    """Options of a part that has none."""


def plugin(group: str, name: object, *, key: str) -> Any:
    """Return the object that an entry point of a group refers to.

    Args:
        group: group of the entry points.
        name: name of the entry point; or `module:Class`, for classes that no package has registered.
        key: where the name stands, for the error.

    Raises:
        InputError: there is no such part, or it cannot be imported.
    """
    parts = _parts(group)
    entry = parts.get(name) if isinstance(name, str) else None
    if entry is None and isinstance(name, str) and ":" in name:
        entry = EntryPoint(name, name, group)
    if entry is None:
        raise InputError(f"{key}: expected one of {', '.join(plugin_names(group))}, or module:Class, got {name!r}.")
    try:
        return entry.load()
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{key}: expected module:Class that can be imported, got {entry.value!r}: {error}.") from None


def plugin_names(group: str) -> tuple[str, ...]:
    """Return the names of a group's entry points in alphabetical order, without importing what they refer to."""
    return tuple(sorted(_parts(group)))


def nested_names(group: str) -> dict[str, tuple[str, ...]]:
    """Return the names of a group whose names are `FIRST/SECOND`: by first part, the second parts, in alphabetical order."""
    names: dict[str, tuple[str, ...]] = {}
    for name in plugin_names(group):
        first, _, second = name.partition("/")
        names[first] = (*names.get(first, ()), second)
    return names


def _parts(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name."""
    return {entry.name: entry for entry in _entry_points().select(group=group)}


@cache
def _entry_points() -> Any:
    """Return all entry points, as `EntryPoints` or before Python 3.12 its predecessor; reads the metadata of all installed packages."""
    return entry_points()
