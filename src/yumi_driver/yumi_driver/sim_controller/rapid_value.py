"""Parses and formats values of RAPID data: num, bool, string, and aggregates of them in brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<num>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<bool>TRUE|FALSE)
      | "(?P<string>(?:[^"]|"")*)"
      | (?P<mark>[\[\],])
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_MAX_DEPTH = 6
_MAX_LETTERS = 80
_MAX_NUM = float(np.finfo(np.float32).max)

Value: TypeAlias = "float | bool | str | tuple[Value, ...]"


class NotAValue(Exception):
    """A text does not represent a value of RAPID data."""


def format_num(number: float) -> str:
    """Format a num as RobotWare does: with seven digits, and zero without a sign."""
    return format(number + 0.0, ".7G")


@dataclass(frozen=True)
class RapidValue:
    """A value of RAPID data. Its structure determines its data type."""

    content: Value

    @classmethod
    def of_text(cls, text: str) -> RapidValue:
        """Parse a value.

        Raises:
            NotAValue: the text represents no value.
        """
        tokens = _tokens(text)
        value = _value(tokens, next(tokens, ("end", "")), 0)
        if next(tokens, None) is not None:
            raise NotAValue(f"expected one value, got {text}")
        return cls(value)

    def __str__(self) -> str:
        return _text(self.content)

    def is_like(self, other: RapidValue) -> bool:
        """Return whether both have the same data type, and arrays the same length."""
        return _structure(self.content) == _structure(other.content)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise NotAValue(f"expected a RAPID value, got {text}")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _value(tokens: Iterator[tuple[str, str]], token: tuple[str, str], depth: int) -> Value:
    kind, text = token
    if kind == "num":
        return _num(text)
    if kind == "bool":
        return text.upper() == "TRUE"
    if kind == "string" and len(text) <= _MAX_LETTERS:
        return text.replace('""', '"')
    if token == ("mark", "[") and depth < _MAX_DEPTH:
        return _aggregate(tokens, depth)
    raise NotAValue(f"expected a RAPID value, got {text!r}")


def _num(text: str) -> float:
    number = float(text)
    if abs(number) > _MAX_NUM:
        raise NotAValue(f"expected a number of single precision, got {text}")
    return number


def _aggregate(tokens: Iterator[tuple[str, str]], depth: int) -> Value:
    parts = []
    while True:
        parts.append(_value(tokens, next(tokens, ("end", "")), depth + 1))
        match next(tokens, None):
            case ("mark", ","):
                continue
            case ("mark", "]"):
                return tuple(parts)
            case _:
                raise NotAValue("expected the end of an aggregate")


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return format_num(value)


def _structure(value: Value) -> object:
    return tuple(map(_structure, value)) if isinstance(value, tuple) else type(value)
