"""The agent: takes orders from a stream of bytes and tells on another what the arms do and the cameras see."""

from __future__ import annotations

import socket
import sys
import threading
import time
import traceback
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Self
from urllib.parse import urlsplit

from yumi_driver.agent.arm_place import ArmPlace
from yumi_driver.agent.controller import ControllerFault, RobotController
from yumi_driver.agent.end import end_process
from yumi_driver.agent.hearing import Hearing
from yumi_driver.agent.way import OutOfReach
from yumi_driver.messages import Beat, Hello, Order, Picture, Push, State, Welcome
from yumi_driver.wire import Decoder, Kind, WireError, WireFrame, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from yumi_driver.agent.way import JointPath
    from yumi_driver.cell import Cell
    from yumi_driver.limits import Limits

TELL_S = 0.05
LEAVE_S = 2.0
"""The arms have held for so long, because nobody is heard, when the agent ends: the next one finds their ports free."""
READY_S = 3.0
"""Until an arm whose program has been started is heard, and its camera sees."""
POLL_S = 0.02
CHUNK = 65536


class Agent:
    """Lives as long as its context."""

    def __init__(self, cell: Cell, limits: Limits) -> None:
        self._cell = cell
        self._limits = limits
        self._hearing = Hearing(limits)
        self._context = ExitStack()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        """Open the arms' ports and the cameras.

        Raises:
            OSError: a port is taken.
        """
        with ExitStack() as context:
            tasks = [arm.task for arm in self._cell.arms.values()]
            self._controller = RobotController(self._cell.controller, tasks, self._limits)
            context.callback(self._controller.close)
            host = socket.gethostbyname(urlsplit(self._cell.controller.url).hostname or "")
            self._arms = {
                name: ArmPlace(config, host, self._limits, self._hearing, context)
                for name, config in self._cell.arms.items()
            }
            # Before the arms' ports are free: the next agent's program must not be stopped by this one.
            context.callback(self._controller.stop)
            context.callback(self._ended.set)
            self._context = context.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the arms hold, and stop the controller's program."""
        self._context.close()

    def serve(self, orders: BinaryIO, told: BinaryIO) -> None:
        """Until the orders end, or nothing has been heard for too long.

        Raises:
            WireError: the orders are garbage.
        """
        decoder, teller = Decoder(), threading.Thread(target=self._tell, args=(told,), name="teller", daemon=True)
        reads: Callable[[int], bytes] = orders.read1  # type: ignore[attr-defined] # pipes and sockets have it
        while data := reads(CHUNK):
            self._frames(decoder, data, teller)

    @property
    def is_left(self) -> bool:
        """Whether nobody has been heard for so long that the agent should end."""
        return self._hearing.silent_s > self._limits.silence_s.value + LEAVE_S

    def _frames(self, decoder: Decoder, data: bytes, teller: threading.Thread) -> None:
        for frame in decoder.feed(data):
            if frame.kind is Kind.HELLO and not teller.is_alive():
                print(f"serves fleet {unpack(frame, Hello).fleet}", file=sys.stderr, flush=True)
                teller.start()
            else:
                self._obey(frame)

    def _obey(self, frame: WireFrame) -> None:
        match frame.kind:
            case Kind.BEAT:
                beat = unpack(frame, Beat)
                self._hearing.hear(beat.number, beat.echo)
            case Kind.PUSH:
                push = unpack(frame, Push)
                self._plan(push, lambda arm: self._follow(arm, push.number, partial(arm.orders.push, push)))
            case Kind.PARK:
                park = unpack(frame, Order)
                self._plan(park, lambda arm: self._follow(arm, park.number, arm.orders.park))
            case Kind.RESUME:
                resume = unpack(frame, Order)
                self._plan(resume, lambda arm: self._resume(arm, resume.number))
            case Kind.STOP:
                for arm in self._arms.values():
                    arm.guided.stop()
            case other:
                raise WireError(f"found an order of kind {other.name}")

    def _arm(self, name: str) -> ArmPlace:
        if name not in self._arms:
            raise WireError(f"found an order for arm {name}, there are {', '.join(self._arms)}")
        return self._arms[name]

    def _plan(self, order: Order, task: Callable[[ArmPlace], None]) -> None:
        """In the arm's own thread, because planning takes its time."""
        arm = self._arm(order.arm)
        if not arm.guided.accept(order.number):
            raise WireError(f"found order {order.number} after a later one")
        late = self._hearing.objection(order.echo)
        if late:
            arm.guided.refuse(order.number, late)
        else:
            arm.planner.submit(self._try, arm, order.number, task)

    @staticmethod
    def _try(arm: ArmPlace, number: int, task: Callable[[ArmPlace], None]) -> None:
        try:
            task(arm)
        except Exception as error:  # noqa: BLE001 - every order comes to an end
            traceback.print_exc()
            arm.guided.refuse(number, f"planning has failed: {error!r}")

    def _resume(self, arm: ArmPlace, number: int) -> None:
        try:
            self._controller.ensure_running()
        except ControllerFault as fault:
            arm.guided.refuse(number, str(fault))
            return
        until_s = time.monotonic() + READY_S
        while doubt := arm.guided.doubt:
            if time.monotonic() > until_s:
                arm.guided.refuse(number, doubt)
                return
            time.sleep(POLL_S)
        self._follow(arm, number, arm.orders.park, resumes=True)

    @staticmethod
    def _follow(
        arm: ArmPlace, number: int, plan: Callable[[NDArray[np.float64]], JointPath], *, resumes: bool = False
    ) -> None:
        """Plan from where the arm is, and go."""
        joints_deg_7 = arm.guided.joints_deg_7
        if joints_deg_7 is None:
            arm.guided.refuse(number, "the arm cannot be guided")
            return
        try:
            way = plan(joints_deg_7)
        except OutOfReach as error:
            arm.guided.refuse(number, str(error))
            return
        arm.guided.follow(number, way, resumes=resumes)

    def _tell(self, told: BinaryIO) -> None:
        """Until nobody reads any more."""
        try:
            self._tell_all(told)
        except Exception as error:  # noqa: BLE001 - a fleet that hears nothing has lost its arms anyway
            print(f"nothing more can be told: {error!r}", file=sys.stderr, flush=True)
            end_process()

    def _tell_all(self, told: BinaryIO) -> None:
        """States all the time, and whatever is new of the pictures; as fast as the link can."""
        told.write(pack(Kind.HELLO, Welcome(half_m={name: arm.half_m for name, arm in self._arms.items()})))
        while not self._ended.wait(TELL_S):
            arms = {name: arm.guided.state for name, arm in self._arms.items()}
            told.write(pack(Kind.STATE, State(number=self._hearing.next_state(), beat=self._hearing.beat, arms=arms)))
            for name, arm in self._arms.items():
                picture = arm.camera.take()
                if picture is not None:
                    told.write(Picture(name, *picture).frame().encode())
            told.flush()
