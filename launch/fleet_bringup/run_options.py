"""Declares the options of a run once, for `./fleet up`, for `fleet.launch.py` and for the `prepare` executable.

The docstring of each field is its help text.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar

import typer
from annotated_types import Ge, Le
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo

from fleet_common.address import Address
from fleet_contract.fleet import MAX_ROBOTS
from fleet_contract.validation import InputError, StrictModel

MAX_PORT = 65535


class Options(StrictModel):
    """Base of classes whose fields are command-line options and launch arguments."""


class RunOptions(Options):
    """What runs: the fleet, its size, its policy, and what is recorded and served."""

    fleet: str = "block_push"
    """Fleet file, or name of a fleet that ships with the stack."""
    ticks: int = Field(default=0, ge=0)
    """Number of ticks after which the run ends; 0 runs until it is stopped."""
    seed: int = Field(default=0, ge=0)
    """Seed of simulation, sampling, training and tie-breaking."""
    report: Path | None = None
    """Folder for bag, summary and picture (default: runs/TIME_FLEET)."""
    record: bool = True
    """Record the run into a bag."""
    robots: int | None = Field(default=None, ge=1, le=MAX_ROBOTS)
    """Number of robots (default: from the fleet file)."""
    supervisors: int | None = Field(default=None, ge=1)
    """Number of supervisors (default: from the fleet file)."""
    operators: int | None = Field(default=None, ge=0)
    """Number of supervisors who are people (default: from the fleet file)."""
    window: bool | None = None
    """Open the operators' windows on this machine (default: if it has a display)."""
    policy: Path | None = None
    """Checkpoint of the policy (default: from the fleet file)."""
    monitor: str | None = None
    """One of the fleet file's monitors, which also calls humans (default: none)."""
    demonstrate: bool = False
    """Run without a policy: a robot holds unless a supervisor drives it."""
    real_time: bool = False
    """Run in real time: a robot whose action is late holds, instead of waiting for it."""
    foxglove: bool = False
    """Serve the fleet's topics to Foxglove."""
    foxglove_host: str = "127.0.0.1"
    """Address that the Foxglove server listens on; 0.0.0.0 lets other machines connect."""
    foxglove_port: int = Field(default=8765, ge=0, le=MAX_PORT)
    """Port that the Foxglove server listens on; 0 picks a free one."""
    params_file: Path | None = None
    """ROS 2 parameter file for all nodes."""

    @property
    def foxglove_address(self) -> Address | None:
        """Address of the Foxglove server; None if there is none."""
        return Address(self.foxglove_host, self.foxglove_port) if self.foxglove else None


class RunnerOptions(Options):
    """What a run prints, with either runner."""

    headless: bool = False
    """Print a line every few seconds instead of the live view."""
    log_level: Literal["debug", "info", "warn", "error"] = "info"
    """Node log level."""


class LaunchOptions(RunnerOptions):
    """What a run prints and opens under `ros2 launch`, which puts a prefix before every line and so breaks the live view."""

    headless: bool = Field(default=True, description=RunnerOptions.model_fields["headless"].description)
    rviz: bool = False
    """Open RViz."""


AnyOptions = TypeVar("AnyOptions", bound=Options)


def parse_option(options: type[Options], name: str, value: Any) -> Any:
    """Return the value of an option from its text; a value that is no text must be of the right type already.

    Raises:
        InputError: the option does not take this value.
    """
    try:
        return getattr(options.model_validate({name: value}), name)
    except ValidationError:
        expected = _expected(options.model_fields[name])
        raise InputError(f"{_flag(name)}: expected {expected}, got {value!r}.") from None


def parse_launch_arguments(options: type[AnyOptions], arguments: Mapping[str, str]) -> AnyOptions:
    """Return options from the texts of launch arguments; an empty text stands for the default of an option without value.

    Raises:
        InputError: an option does not take its text.
    """
    given = {
        name: parse_option(options, name, arguments[name])
        for name, field in options.model_fields.items()
        if arguments[name] or field.default is not None
    }
    return options(**given)


def launch_arguments(options: type[Options]) -> dict[str, tuple[str, str]]:
    """Return default and description of the launch argument of each option, by its name."""
    return {name: (_text(field.default), _help(field)) for name, field in options.model_fields.items()}


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a Typer command one command-line option for each field of those of its parameters that are `Options`."""
    parameters, groups = [], {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if inspect.isclass(parameter.annotation) and issubclass(parameter.annotation, Options):
            groups[parameter.name] = parameter.annotation
            parameters += [
                _command_line_parameter(parameter.annotation, name) for name in groups[parameter.name].model_fields
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(command)
    def with_groups(**values: Any) -> None:
        built = {name: group(**{key: values.pop(key) for key in group.model_fields}) for name, group in groups.items()}
        command(**values, **built)

    with_groups.__dict__["__signature__"] = inspect.Signature(parameters)
    return with_groups


def _command_line_parameter(options: type[Options], name: str) -> inspect.Parameter:
    field, flag = options.model_fields[name], _flag(name)
    kind = _kind(field)
    if kind is bool:
        flags = [flag] if field.default is False else [f"{flag}/--no-{flag[2:]}"]
        option = typer.Option(*flags, help=_help(field))
    else:
        parser = lambda value: parse_option(options, name, value)  # noqa: E731 - Typer names a type by its function
        option = typer.Option(flag, parser=parser, metavar=_metavar(kind), help=_help(field))
    annotated: Any = Annotated  # checkers take a subscript of Annotated itself for a type of theirs
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotated[field.annotation, option]
    )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _help(field: FieldInfo) -> str:
    return field.description or ""


def _text(default: Any) -> str:
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def _kind(field: FieldInfo) -> Any:
    """Return an option's type without `None`."""
    if isinstance(field.annotation, UnionType):
        return next(kind for kind in typing.get_args(field.annotation) if kind is not NoneType)
    return field.annotation


def _metavar(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return f"<{'|'.join(typing.get_args(kind))}>"
    return f"<{kind.__name__.lower()}>"


def _expected(field: FieldInfo) -> str:
    """Return what values an option takes."""
    kind = _kind(field)
    if kind is bool:
        return "true or false"
    if typing.get_origin(kind) is Literal:
        *others, last = typing.get_args(kind)
        return f"{', '.join(others)} or {last}"
    least = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    most = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    return f"a whole number from {least}" + (f" to {most}" if most is not None else "")
