"""Finds message classes by their ROS names."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def message_class(kind: str) -> Any:
    """Return the class of a message type, package/msg/Name.

    Raises:
        ImportError: the package is not installed.
        AttributeError: the package has no such message.
    """
    package, namespace, name = kind.split("/")
    return getattr(import_module(f"{package}.{namespace}"), name)
