"""Parses YAML that people write, and refuses what YAML 1.1 would silently read as something else."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

_MISREAD = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
"""Numbers with a leading zero or with colons, which YAML 1.1 reads in base 8 or 60."""


class MisreadError(Exception):
    """A text that is valid YAML but would not be read as it was meant. Its text says what was expected and what was got."""


class _Loader(yaml.SafeLoader):
    """The safe loader, with its numbers and mappings checked."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                continue
            if key in lines:
                raise MisreadError(f"{key}: expected once, got it at lines {lines[key]} and {line}.")
            lines[key] = line
        return super().construct_mapping(node, deep=deep)


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    if _MISREAD.fullmatch(node.value) and node.value.strip("+-0_") != "":
        line = node.start_mark.line + 1
        raise MisreadError(f"line {line}: expected a decimal number or a text in quotes, got {node.value}.")
    read = loader.construct_yaml_int if node.tag.endswith(":int") else loader.construct_yaml_float
    number: int | float = read(node)
    return number


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _number)


def parse_yaml(text: str) -> Any:
    """Return the content of a YAML text.

    Raises:
        MisreadError: a key of a mapping is there twice, or a number is written in a way that YAML 1.1 reads in base 8 or 60.
        yaml.YAMLError: the text is not YAML.
        ValueError: a date or number does not exist.
        RecursionError: it is nested too deeply.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
