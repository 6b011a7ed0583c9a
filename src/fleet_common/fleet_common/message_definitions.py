"""Reads the message definitions of installed packages, so that bags can store them and be read elsewhere."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from rosbags.interfaces import Nodetype
from rosbags.interfaces.typing import Typesdict
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore


def typestore_for(types: set[str]) -> Typestore:
    """Return a type store with ROS 2's own messages and those of all packages that `types` depend on.

    Raises:
        PackageNotFoundError: a package is not installed.
    """
    store = get_typestore(Stores.ROS2_KILTED)
    unread = sorted(types)
    while unread:
        name = unread.pop()
        if name not in store.types:
            store.register(_definitions(name.split("/")[0]))
        unread += _parts(store, name)
    return store


def _definitions(package: str) -> Typesdict:
    definitions: Typesdict = {}
    for file in sorted((Path(get_package_share_directory(package)) / "msg").glob("*.msg")):
        definitions |= get_types_from_msg(file.read_text(encoding="utf-8"), f"{package}/msg/{file.stem}")
    return definitions


def _parts(store: Typestore, name: str) -> list[str]:
    """Return the types of the messages in a message's fields."""
    fields = [field for _, field in store.fielddefs[name][1]]
    single = [field[1][0] if field[0] in {Nodetype.ARRAY, Nodetype.SEQUENCE} else field for field in fields]
    return [str(kind) for node, kind in single if node is Nodetype.NAME]
