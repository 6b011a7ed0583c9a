"""Reads mapping files, which describe the topics of third-party bags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from fleet_contract.alignment import Alignment
from fleet_contract.fields import LAYOUTS
from fleet_contract.native import NativeSignal
from fleet_contract.quantity import Name
from fleet_contract.robot import RobotContract
from fleet_contract.validation import StrictModel, read_yaml

Namespace = Annotated[str, Field(pattern=r"^(/?[A-Za-z][A-Za-z0-9_]*)*$")]


class BagMapping(StrictModel):
    """The content of a mapping file."""

    contract: RobotContract
    """The contract of the robots in the bags, or its path relative to the mapping file; its section `native` says what their
    topics mean. Without `success` or `violation` in that section, robots never succeed or violate constraints."""
    task: str = Name
    """Name of the robots' task."""
    robots: tuple[Namespace, ...] = Field(default=("",), min_length=1)
    """Namespaces of the robots; one empty namespace if their topics have none."""
    command: Alignment
    """Rule that selects the command of a tick. nearest also accepts one shortly after the observation that it answers."""
    driver: Literal["human", "policy"] | NativeSignal
    """Who drove: always the same, or a topic that is true while a human drove."""
    ticks: str | None = None
    """Topic of the robots whose messages are the ticks. None: ticks at the contract's rate over the whole bag."""

    @field_validator("contract", mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        folder: Path = (info.context or {}).get("folder", Path())
        return read_yaml(folder / value, RobotContract) if isinstance(value, str) else value

    @field_validator("contract")
    @classmethod
    def _native(cls, contract: RobotContract) -> RobotContract:
        if contract.native is None:
            raise ValueError("native is missing, expected a section that describes the robot's own topics")
        return contract

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        action = self.contract.require_native().action
        try:
            self.command.require_native(stamped=LAYOUTS[action.type].stamped)
        except ValueError as error:
            raise ValueError(f"command.{error}") from None
        if len(set(self.robots)) < len(self.robots):
            raise ValueError(f"robots: expected unique namespaces, got {', '.join(self.robots)}")
        topics = [*(stream.topic for stream in self.contract.require_native().streams), action.topic]
        if self.ticks is not None and self.ticks not in topics:
            raise ValueError(f"ticks: expected one of {', '.join(topics)}, got {self.ticks}")
        return self

    @property
    def robot_names(self) -> tuple[str, ...]:
        """Names of the robots; a robot without a namespace has the name of its type."""
        return tuple(robot.strip("/") or self.contract.robot for robot in self.robots)


def read_mapping(path: Path) -> BagMapping:
    """Return the mapping in a file.

    Raises:
        InputError: the file cannot be read or holds no mapping.
    """
    return read_yaml(path, BagMapping, context={"folder": path.resolve().parent})
