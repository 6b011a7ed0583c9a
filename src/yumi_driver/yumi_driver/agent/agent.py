"""The agent: takes orders from a stream of bytes and tells on another what the arms do and the cameras see."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Self

from yumi_driver.agent.arm import GuidedArm
from yumi_driver.agent.camera import Camera
from yumi_driver.agent.controller import ControllerFault, RobotController
from yumi_driver.agent.hearing import Hearing
from yumi_driver.agent.orders import Orders
from yumi_driver.agent.path import OutOfReach
from yumi_driver.messages import Beat, Hello, Picture, Push, Resume, State, Welcome
from yumi_driver.wire import Decoder, Frame, Kind, WireError, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from yumi_driver.agent.path import Path
    from yumi_driver.cell import ArmConfig, Cell
    from yumi_driver.limits import Limits

TELL_S = 0.05
LEAVE_S = 2.0
"""Silence after which the agent ends, so that the next one finds the arms' ports free."""
READY_S = 3.0
"""Until an arm whose program has been started is heard, and its camera sees."""
POLL_S = 0.02
CHUNK = 65536


class Arm:
    """One arm with its camera and its orders."""

    def __init__(self, config: ArmConfig, limits: Limits, hearing: Hearing, context: ExitStack) -> None:
        self.orders = Orders(config, limits)
        self.camera = Camera(config.camera, lambda: hearing.beat)
        context.callback(self.camera.close)
        self._picture_s = limits.picture_s.value
        self._hearing = hearing
        self.guided = GuidedArm(config.egm_port, limits, self._doubt)
        context.callback(self.guided.close)
        self.planner = context.enter_context(ThreadPoolExecutor(1))

    def _doubt(self) -> str:
        if self.camera.age_s > self._picture_s:
            return f"the camera has stood still for {self._picture_s:g} s"
        return self._hearing.doubt


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
            context.callback(self._controller.stop)
            self._arms = {
                name: Arm(config, self._limits, self._hearing, context) for name, config in self._cell.arms.items()
            }
            context.callback(self._ended.set)
            self._context = context.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the arms hold, and stop the controller's program."""
        self._context.__exit__(kind, error, trace)

    def serve(self, orders: BinaryIO, told: BinaryIO) -> None:
        """Until the orders end, or nothing has been heard for LEAVE_S.

        Raises:
            WireError: the orders are garbage.
        """
        decoder, teller = Decoder(), threading.Thread(target=self._tell, args=(told,), name="teller", daemon=True)
        reads: Callable[[int], bytes] = orders.read1  # type: ignore[attr-defined] # pipes and sockets have it
        self._frames(decoder, reads(CHUNK), teller)
        while data := reads(CHUNK):
            self._frames(decoder, data, teller)

    @property
    def is_left(self) -> bool:
        """Whether nobody has been heard for so long that the agent should end."""
        return self._hearing.silent_s > LEAVE_S

    def _frames(self, decoder: Decoder, data: bytes, teller: threading.Thread) -> None:
        for frame in decoder.feed(data):
            if frame.kind is Kind.HELLO and not teller.is_alive():
                print(f"serves fleet {unpack(frame, Hello).fleet}", file=sys.stderr, flush=True)
                teller.start()
            else:
                self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.BEAT:
                beat = unpack(frame, Beat)
                self._hearing.hear(beat.number, beat.echo)
            case Kind.PUSH:
                push = unpack(frame, Push)
                arm = self._arm(push.arm)
                arm.guided.accept(push.number)
                late = self._hearing.objection(push.echo)
                if late:
                    arm.guided.refuse(push.number, late)
                else:
                    arm.planner.submit(self._push, arm, push)
            case Kind.RESUME:
                resume = unpack(frame, Resume)
                arm = self._arm(resume.arm)
                arm.guided.accept(resume.number)
                arm.planner.submit(self._resume, arm, resume.number)
            case Kind.STOP:
                for arm in self._arms.values():
                    arm.guided.stop()
            case other:
                raise WireError(f"found an order of kind {other.name}")

    def _arm(self, name: str) -> Arm:
        if name not in self._arms:
            raise WireError(f"found an order for arm {name}, there are {', '.join(self._arms)}")
        return self._arms[name]

    def _push(self, arm: Arm, push: Push) -> None:
        joints_deg_7 = arm.guided.joints_deg_7
        if joints_deg_7 is None:
            arm.guided.refuse(push.number, "the arm cannot be guided")
            return
        self._follow(arm, push.number, partial(arm.orders.push, push, joints_deg_7))

    def _resume(self, arm: Arm, number: int) -> None:
        try:
            self._controller.ensure_running()
        except ControllerFault as fault:
            arm.guided.refuse(number, str(fault))
            return
        until_s = time.monotonic() + READY_S
        while (doubt := arm.guided.doubt) or (joints_deg_7 := arm.guided.joints_deg_7) is None:
            if time.monotonic() > until_s:
                arm.guided.refuse(number, doubt)
                return
            time.sleep(POLL_S)
        self._follow(arm, number, partial(arm.orders.park, joints_deg_7), resumes=True)

    @staticmethod
    def _follow(arm: Arm, number: int, plan: Callable[[], Path], *, resumes: bool = False) -> None:
        try:
            path = plan()
        except OutOfReach as error:
            arm.guided.refuse(number, str(error))
            return
        arm.guided.follow(number, path, resumes=resumes)

    def _tell(self, told: BinaryIO) -> None:
        """States all the time, and whatever is new of the pictures; as fast as the link can."""
        halves_m = {name: config.workspace.half_m for name, config in self._cell.arms.items()}
        told.write(pack(Kind.HELLO, Welcome(half_m=halves_m)))
        while not self._ended.wait(TELL_S):
            arms = {name: arm.guided.state for name, arm in self._arms.items()}
            told.write(pack(Kind.STATE, State(number=self._hearing.next_state(), beat=self._hearing.beat, arms=arms)))
            for name, arm in self._arms.items():
                picture = arm.camera.take()
                if picture is not None:
                    told.write(Picture(name, *picture).frame().encode())
            told.flush()
