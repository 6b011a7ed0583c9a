"""Validates all external input, and refuses it in one sentence that names file, key, expected and got."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from fleet_contract.yaml_text import MisreadError, parse_yaml

EXIT_INPUT_ERROR = 2
"""Exit code of commands that refuse their input."""
LONGEST_VALUE = 80
"""Characters up to which a refused value is quoted; of longer ones the type is named."""
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "a smaller integer",
    "int_type": "an integer",
    "invalid_key": "a key that is text",
    "mapping_type": "a mapping",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list",
}
"""What pydantic expected, by the type of its error."""
_LENGTH = re.compile(r"should have (at (?:least|most) \d+ \w+)")
"""What pydantic expected of a list, mapping or text of the wrong length."""
_OWN_KEY = re.compile(r"[a-z_]\w*(\.\w+)*(: expected| is missing)")
"""Start of a validator's sentence that names a key below the one that it validates."""


class InputError(Exception):
    """Input from outside that cannot be used. Its text is one sentence that names file, key, expected and got."""


class StrictModel(BaseModel):
    """Base of everything that is read from files: frozen, without unknown keys and infinite numbers.

    Validators raise ValueError("expected X"), to which the refused value is added, or ValueError("expected X, got Y"). A validator
    of a whole model names the key in front: ValueError("key: expected X, got Y").
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path, model: type[Model], *, context: dict[str, Any] | None = None) -> Model:
    """Return the content of a YAML file as `model`; `context` is what the model's validators get.

    Raises:
        InputError: the file cannot be read, is not YAML, or does not fit the model.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a text file.") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}.") from None
    try:
        content = parse_yaml(text)
    except MisreadError as error:
        raise InputError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date or number that does not exist
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}: is not valid YAML{line}.") from None
    return validated(content, model, source=str(path), context=context)


def validated(content: Any, model: type[Model], *, source: str, context: dict[str, Any] | None = None) -> Model:
    """Return `content` as `model`.

    Args:
        content: What was read; anything but a mapping is refused.
        model: Model that the content must fit.
        source: Name of the file or option in the error.
        context: What the model's validators get.

    Raises:
        InputError: the content does not fit; names the first error.
    """
    if not isinstance(content, dict):
        keys = ", ".join(_keys(model))
        raise InputError(f"{source}: expected a mapping with the keys {keys}, got {type(content).__name__}.")
    try:
        return model.model_validate(content, context=context)
    except ValidationError as error:
        raise InputError(f"{source}: {_sentence(error.errors(), content, model)}") from None


def _sentence(errors: list[ErrorDetails], content: Any, model: type[BaseModel]) -> str:
    """Return the first error as a sentence; where a value fits none of several types, it names all of them."""
    first, location = errors[0], _location(errors[0], content)
    key = ".".join(part if part.isprintable() else ascii(part) for part in map(str, location))
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}, expected one of {', '.join(_keys(_owner(model, location[:-1])))}."
    if first["type"] == "missing":
        return f"{key} is missing."
    if first["type"] == "value_error":
        text = first["msg"].removeprefix("Value error, ")
        if _OWN_KEY.match(text):
            return f"{key}.{text}.".removeprefix(".")
    else:
        here = [error for error in errors if _location(error, content) == location]
        text = f"expected {' or '.join(map(_expected, here))}"
    if text.startswith("expected ") and ", got " not in text:
        text += f", got {_quoted(first['input'])}"
    return f"{key}: {text}.".removeprefix(": ")


def _expected(error: ErrorDetails) -> str:
    """Return what pydantic expected, such as "a number greater than 0"."""
    kind, length = error["type"], _LENGTH.search(error["msg"])
    if length:
        return length[1]
    if kind == "string_pattern_mismatch":
        return f"text that matches {error['ctx']['pattern']}"
    text = error["msg"].removeprefix("Input should be ").removeprefix("Value error, ").removeprefix("expected ")
    return _EXPECTED.get(kind, f"a number {text}" if kind.startswith(("greater_", "less_")) else text)


def _quoted(value: Any) -> str:
    """Return a refused value as it is shown in a sentence."""
    text = "null" if value is None else repr(value)
    return text if len(text) <= LONGEST_VALUE else type(value).__name__


def _location(error: ErrorDetails, content: Any) -> tuple[int | str, ...]:
    """Return the error's place in the content: pydantic's location may end in the name of a type that it tried."""
    for depth, part in enumerate(error["loc"]):
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return error["loc"][: depth + (error["type"] in {"missing", "invalid_key"})]
    return error["loc"]


def _owner(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model at the location, as far as it can be followed."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        for candidate in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
                break
    return model


def _keys(model: type[BaseModel]) -> list[str]:
    return sorted(model.model_fields)
