"""The door: everything that comes from outside is validated here, and refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

EXIT_INPUT_ERROR = 2


class InputError(Exception):
    """Input from outside that cannot be used; its text is one sentence that names file, key, found and allowed."""


class StrictModel(BaseModel):
    """Base of everything read from files: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path, model: type[Model], *, context: dict[str, Any] | None = None) -> Model:
    """The file as `model`.

    Raises:
        BadInput: the file cannot be read, is not YAML, or does not fit the model.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a text file.") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}.") from None
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date or number that does not exist
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}: is not valid YAML{place}.") from None
    return validated(found, model, source=str(path), context=context)


def validated(found: Any, model: type[Model], *, source: str, context: dict[str, Any] | None = None) -> Model:
    """`found` as `model`; `source` is how the error names where it came from.

    Raises:
        BadInput: with the first thing that does not fit.
    """
    if not isinstance(found, dict):
        raise InputError(f"{source}: found {type(found).__name__}, allowed is a mapping of {', '.join(_keys(model))}.")
    try:
        return model.model_validate(found, context=context)
    except ValidationError as error:
        raise InputError(f"{source}: {_sentence(error.errors(), found, model)}") from None


def _sentence(errors: list[ErrorDetails], found: Any, model: type[BaseModel]) -> str:
    """The first error; where a value fits none of several types, all that is allowed."""
    first, location = errors[0], _location(errors[0], found)
    key = ".".join(part if part.isprintable() else ascii(part) for part in map(str, location))
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}, allowed here: {', '.join(_keys(_owner(model, location[:-1])))}."
    if first["type"] == "missing":
        return f"{key} is missing."
    value = "" if isinstance(first["input"], dict | list | BaseModel) else f"found {first['input']!r}, "
    allowed = [error["msg"].removeprefix("Value error, ") for error in errors if _location(error, found) == location]
    others = [message.removeprefix("Input should be ") for message in allowed[1:]]
    return f"{key}: {value}{' or '.join([allowed[0], *others])}.".removeprefix(": ")


def _location(error: ErrorDetails, found: Any) -> tuple[int | str, ...]:
    """The error's place in what was found: pydantic's location may go on with the name of a type that was tried."""
    for depth, part in enumerate(error["loc"]):
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            return error["loc"][: depth + (error["type"] in {"missing", "invalid_key"})]
    return error["loc"]


def _owner(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that the location leads to, as far as it can be followed."""
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
