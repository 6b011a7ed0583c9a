"""The mapping file: what is what in bags that somebody else recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from fleet_contract.alignment import Alignment
from fleet_contract.fields import LAYOUTS
from fleet_contract.native import NativeSignal, NativeStream
from fleet_contract.robot import Name, RobotContract
from fleet_contract.validation import StrictModel, read_yaml

Namespace = Annotated[str, Field(pattern=r"^(/?[A-Za-z][A-Za-z0-9_]*)*$")]


class BagMapping(StrictModel):
    """A mapping file."""

    contract: RobotContract
    """The contract of the robots in the bags, or its file, relative to the mapping file; its section `native` says which of
    their topics mean what. Where it names no `success` or `violation`, there is none."""
    task: str = Name
    """What the robots had to do."""
    robots: tuple[Namespace, ...] = Field(default=("",), min_length=1)
    """Namespaces of the robots; none if their topics have none."""
    command: Alignment
    """Which command is the action of a tick. nearest: also one that came a little after what it answers."""
    driver: Literal["human", "policy"] | NativeSignal
    """Who drove: always the same, or a topic that is true while a human did."""
    ticks: str | None = None
    """A topic of the robots: a tick is whenever it has said something. None: at the contract's rate, over the whole bag."""

    @field_validator("contract", mode="before")
    @classmethod
    def _read(cls, found: Any, info: ValidationInfo) -> Any:
        folder: Path = (info.context or {}).get("folder", Path())
        return read_yaml(folder / found, RobotContract) if isinstance(found, str) else found

    @field_validator("contract")
    @classmethod
    def _native(cls, contract: RobotContract) -> RobotContract:
        if contract.native is None:
            raise ValueError("native is missing, allowed is a section that names the robot's own topics")
        return contract

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        action = self.contract.require_native().action
        command = NativeStream(topic=action.topic, type=action.type, align=self.command)
        try:
            command.require_placed(stamped=LAYOUTS[action.type].stamped)
        except ValueError as error:
            raise ValueError(f"command: {error}") from None
        if len(set(self.robots)) < len(self.robots):
            raise ValueError(f"robots: found {', '.join(self.robots)}, allowed is each once")
        topics = [*(stream.topic for stream in self.contract.require_native().streams), action.topic]
        if self.ticks is not None and self.ticks not in topics:
            raise ValueError(f"ticks: found {self.ticks}, allowed are {', '.join(topics)}")
        return self

    @property
    def robot_names(self) -> tuple[str, ...]:
        """Names of the robots; one without a namespace is called by its type."""
        return tuple(robot.strip("/") or self.contract.robot for robot in self.robots)


def read_mapping(path: Path) -> BagMapping:
    """The mapping file at `path`.

    Raises:
        BadInput: the file does not hold one.
    """
    return read_yaml(path, BagMapping, context={"folder": path.resolve().parent})
