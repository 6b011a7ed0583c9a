"""Finds the parts that installed packages add to the stack: entry points, one group for each kind of part."""

from __future__ import annotations

from functools import cache
from importlib import import_module
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
    if isinstance(name, str) and name not in parts and ":" in name:
        return _imported(name, key=key)
    entry = parts.get(name) if isinstance(name, str) else None
    if entry is None:
        raise InputError(f"{key}: expected one of {', '.join(names(group))}, or module:Class, got {name!r}.")
    return entry.load()


def names(group: str) -> tuple[str, ...]:
    """Return the names of the entry points of a group, sorted."""
    return tuple(sorted(_parts(group)))


@cache
def _parts(group: str) -> dict[str, EntryPoint]:
    """Return the entry points by name; finding them reads the metadata of all installed packages."""
    return {entry.name: entry for entry in entry_points(group=group)}


def _imported(name: str, *, key: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{key}: expected module:Class that can be imported, got {name!r}: {error}.") from None
