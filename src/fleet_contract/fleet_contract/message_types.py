"""Classes of messages by the names that contracts call them."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def message_class(kind: str) -> Any:
    """The class of package/msg/Name.

    Raises:
        ImportError: the package is not installed.
        AttributeError: it has no such message.
    """
    package, namespace, name = kind.split("/")
    return getattr(import_module(f"{package}.{namespace}"), name)
