"""Messages between fleet and agent. Positions are in the frame of an arm's workspace, m and radians."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fleet_contract.validation import StrictModel
from yumi_driver.wire import Kind, WireError, WireFrame

Number = Annotated[int, Field(ge=0)]


class Hello(StrictModel):
    """First message of the fleet, with its name."""

    fleet: str


class Welcome(StrictModel):
    """Answer of the agent, with its arms and the size of their workspaces."""

    half_m: dict[str, float]
    """Distance from the middle of the workspace to an edge, by arm."""


class Heartbeat(StrictModel):
    """The fleet is connected. Sent periodically."""

    number: Number
    """Number of the heartbeat, increasing by one."""
    echo: Number
    """Number of the newest state that the fleet has received; 0 before the first."""


class Command(StrictModel):
    """A command to one arm to lift and park: READMIT is given by a person, PARK by the fleet after a stop."""

    number: Number
    """Number of the command, increasing from command to command."""
    arm: str
    echo: Number
    """Number of the state that the command answers, as in `Heartbeat`."""


class Push(Command):
    """A command to set the pusher down, push, lift it, and return to the parked posture."""

    start: tuple[float, float]
    """Position at which the middle of the pusher's foot is set down, m."""
    yaw: float
    """Direction of the push, radians."""
    travel: float = Field(ge=0)
    """Length of the push, m."""


class ArmState(StrictModel):
    """State of one arm."""

    fault: str
    """Why the arm holds until it is readmitted; empty if it accepts commands."""
    done: Number
    """Number of the last command that has ended."""
    outcome: str
    """Why that command was not completed; empty if it was."""
    joints_deg: tuple[float, ...] | None
    """Angles of axes 1 to 6 and then 7; None before the controller's first message."""


class State(StrictModel):
    """State of all arms. Sent periodically."""

    number: Number
    """Number of the state, increasing by one from 1."""
    heartbeat: Number
    """Number of the newest heartbeat that the agent has received; 0 before the first."""
    arms: dict[str, ArmState]


PICTURE_HEADER = struct.Struct(">B16sQ")
"""Length of the arm's name, the name, and the number of the heartbeat."""


@dataclass(frozen=True)
class Picture:
    """A picture of an arm's camera."""

    arm: str
    heartbeat: int
    """Number of a heartbeat that the agent had received before the picture was taken."""
    jpeg: bytes

    def frame(self) -> WireFrame:
        """Return the picture as a frame."""
        name = self.arm.encode()
        return WireFrame(Kind.PICTURE, PICTURE_HEADER.pack(len(name), name, self.heartbeat) + self.jpeg)

    @classmethod
    def of(cls, frame: WireFrame) -> Picture:
        """Return the picture in a frame.

        Raises:
            WireError: the payload is no picture.
        """
        if len(frame.payload) < PICTURE_HEADER.size:
            raise WireError("PICTURE: expected a header, got a shorter payload")
        length, name, heartbeat = PICTURE_HEADER.unpack_from(frame.payload)
        try:
            return cls(name[:length].decode(), heartbeat, frame.payload[PICTURE_HEADER.size :])
        except UnicodeDecodeError:
            raise WireError("PICTURE: expected the name of an arm in UTF-8") from None
