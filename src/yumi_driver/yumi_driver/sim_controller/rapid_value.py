"""Values of RAPID data as text: num, bool, string, and aggregates of them in brackets."""

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
_DEEPEST = 6
_LONGEST_STRING = 80
_LARGEST_NUM = float(np.finfo(np.float32).max)

Value: TypeAlias = "float | bool | str | tuple[Value, ...]"


class NotAValue(Exception):
    """A text that is no value of RAPID data."""


def format_num(number: float) -> str:
    """A num as RobotWare writes it: with seven digits, and without a sign if it is zero."""
    return format(number + 0.0, ".7G")


@dataclass(frozen=True)
class RapidValue:
    """A value that knows its text and its data type, which is told by its form."""

    content: Value

    @classmethod
    def of_text(cls, text: str) -> RapidValue:
        """The value that the text stands for.

        Raises:
            NotAValue: the text stands for none.
        """
        tokens = _tokens(text)
        value = _value(tokens, next(tokens, ("end", "")), 0)
        if next(tokens, None) is not None:
            raise NotAValue(f"more than one value: {text}")
        return cls(value)

    def __str__(self) -> str:
        return _text(self.content)

    def is_like(self, other: RapidValue) -> bool:
        """Whether both have the same data type, and arrays the same length."""
        return _form(self.content) == _form(other.content)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise NotAValue(f"not a RAPID value: {text}")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _value(tokens: Iterator[tuple[str, str]], token: tuple[str, str], depth: int) -> Value:
    kind, text = token
    if kind == "num":
        return _num(text)
    if kind == "bool":
        return text.upper() == "TRUE"
    if kind == "string" and len(text) <= _LONGEST_STRING:
        return text.replace('""', '"')
    if token == ("mark", "[") and depth < _DEEPEST:
        return _aggregate(tokens, depth)
    raise NotAValue(f"not a RAPID value at {text!r}")


def _num(text: str) -> float:
    number = float(text)
    if abs(number) > _LARGEST_NUM:
        raise NotAValue(f"beyond single precision: {text}")
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
                raise NotAValue("an aggregate is not closed")


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return format_num(value)


def _form(value: Value) -> object:
    return tuple(map(_form, value)) if isinstance(value, tuple) else type(value)
