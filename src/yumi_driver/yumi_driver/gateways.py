"""The gateways file: the PCs beside the robots, and how the fleet connects to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import asyncssh
from pydantic import Field, ValidationInfo, field_validator, model_validator

from fleet_contract.operation import Corner
from fleet_contract.validation import InputError, StrictModel, read_yaml
from yumi_driver.limits import PACKAGED


class GatewayArm(StrictModel):
    """One arm behind a gateway, which is one robot of the fleet."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,15}$")
    """Name of the arm in the gateway's cell file."""
    corners: tuple[Corner, Corner, Corner, Corner]
    """Corners of the workspace in the camera's picture: low x and low y, high x and low y, high x and high y, low x and high y."""


class Gateway(StrictModel):
    """One PC beside a robot."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    host: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1)
    key: Path
    """Private SSH key, relative to the gateways file. There is no password login."""
    host_key: str
    """Pinned host key: the line of the gateway's /etc/ssh/ssh_host_ed25519_key.pub."""
    arms: tuple[GatewayArm, ...] = Field(min_length=1, max_length=2)

    @field_validator("key")
    @classmethod
    def _absolute(cls, key: Path, info: ValidationInfo) -> Path:
        return Path((info.context or {}).get("folder", Path())) / key.expanduser()

    @field_validator("host_key")
    @classmethod
    def _is_a_key(cls, line: str) -> str:
        try:
            asyncssh.import_public_key(line)
        except asyncssh.KeyImportError:
            raise ValueError(f"expected a public key such as 'ssh-ed25519 AAAA...', got {line!r}") from None
        return line


class Gateways(StrictModel):
    """The content of a gateways file. The fleet's robots are the arms of all gateways in order."""

    gateways: Annotated[tuple[Gateway, ...], Field(min_length=1)]
    limits: Path = PACKAGED
    """Limits file, relative to the gateways file; the package's own by default. The fleet uses its timeouts."""

    @field_validator("limits")
    @classmethod
    def _absolute(cls, limits: Path, info: ValidationInfo) -> Path:
        return Path((info.context or {}).get("folder", Path())) / limits

    @model_validator(mode="after")
    def _different(self) -> Self:
        names = [gateway.name for gateway in self.gateways]
        if len(set(names)) < len(names):
            raise ValueError(f"gateways: expected different names, got {', '.join(names)}")
        return self

    @property
    def robots(self) -> int:
        """Number of arms."""
        return sum(len(gateway.arms) for gateway in self.gateways)


def read_gateways(path: Path, robots: int) -> Gateways:
    """Read the gateways file of a fleet with this number of robots.

    Raises:
        InputError: the file is no valid gateways file, or has another number of arms.
    """
    gateways = read_yaml(path, Gateways, context={"folder": path.resolve().parent})
    if gateways.robots != robots:
        raise InputError(
            f"{path}: gateways: expected {robots} arms, as many as the fleet's robots.count, got {gateways.robots}."
        )
    return gateways
