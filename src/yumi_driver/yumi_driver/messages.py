"""What fleet and agent say to each other. Places are in the frame of an arm's workspace, m and radians."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fleet_contract.validation import StrictModel
from yumi_driver.wire import Kind, WireError, WireFrame

Number = Annotated[int, Field(ge=0)]


class Hello(StrictModel):
    """The fleet's first word: whose fleet it is."""

    fleet: str


class Welcome(StrictModel):
    """The agent's answer: which arms it has, and how wide their workspaces are."""

    half_m: dict[str, float]
    """By arm: from the middle of its workspace to an edge."""


class Beat(StrictModel):
    """The fleet is there. Sent all the time."""

    number: Number
    """Grows by one."""
    echo: Number
    """Number of the newest state that the fleet has heard; 0: none yet."""


class Order(StrictModel):
    """An order to one arm. RESUME: a person wants it back; PARK: the fleet does, after a stop. It lifts and parks."""

    number: Number
    """Grows from order to order."""
    arm: str
    echo: Number
    """As in `Beat`: the order answers this state."""


class Push(Order):
    """Set the pusher down, push, lift it, and go back to the parked posture."""

    start: tuple[float, float]
    """Where the middle of the pusher's foot is set down, m."""
    yaw: float
    """Direction of the push, radians."""
    travel: float = Field(ge=0)
    """Length of the push, m."""


class ArmState(StrictModel):
    """One arm now."""

    fault: str
    """Why it holds until it is resumed; empty if it takes orders."""
    done: Number
    """Number of the last order that is over."""
    outcome: str
    """Why that order was not carried out to its end; empty if it was."""
    joints_deg: tuple[float, ...] | None
    """Angles of axes 1 to 6 and then 7; None before the controller has told them."""


class State(StrictModel):
    """The agent is there. Sent all the time."""

    number: Number
    """Grows by one, from 1."""
    beat: Number
    """Number of the newest beat that the agent has heard; 0: none yet."""
    arms: dict[str, ArmState]


PICTURE_HEADER = struct.Struct(">B16sQ")


@dataclass(frozen=True)
class Picture:
    """What an arm's camera saw."""

    arm: str
    beat: int
    """The agent had heard this beat before the picture was taken."""
    jpeg: bytes

    def frame(self) -> WireFrame:
        """The picture as a frame."""
        name = self.arm.encode()
        return WireFrame(Kind.PICTURE, PICTURE_HEADER.pack(len(name), name, self.beat) + self.jpeg)

    @classmethod
    def of(cls, frame: WireFrame) -> Picture:
        """The picture that a frame carries.

        Raises:
            WireError: it carries none.
        """
        if len(frame.payload) < PICTURE_HEADER.size:
            raise WireError("found a picture without its header")
        length, name, beat = PICTURE_HEADER.unpack_from(frame.payload)
        try:
            return cls(name[:length].decode(), beat, frame.payload[PICTURE_HEADER.size :])
        except UnicodeDecodeError:
            raise WireError("found a picture of an arm without a name") from None
