"""The agent: reads commands from one byte stream and writes states and pictures to another."""

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

from yumi_driver.agent.arm_system import ArmSystem
from yumi_driver.agent.controller import ControllerFault, RobotController
from yumi_driver.agent.heartbeat_monitor import HeartbeatMonitor
from yumi_driver.agent.joint_path import OutOfReach
from yumi_driver.agent.process_exit import exit_process
from yumi_driver.messages import Command, Heartbeat, Hello, Picture, Push, State, Welcome
from yumi_driver.wire import Decoder, Kind, WireError, WireFrame, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from yumi_driver.agent.joint_path import JointPath
    from yumi_driver.cell import Cell
    from yumi_driver.limits import Limits

STATE_S = 0.05
"""Seconds between two states."""
ABANDONED_S = 2.0
"""Seconds for which the arms hold because of a silent fleet before the agent ends and frees their ports for the next."""
READY_S = 10.0
"""Timeout of an arm whose program has been started, until its EGM messages and pictures arrive, s."""
POLL_S = 0.02
CHUNK = 65536


class Agent:
    """Serves one fleet; arms and cameras are open while its context lasts."""

    def __init__(self, cell: Cell, limits: Limits) -> None:
        self._cell = cell
        self._limits = limits
        self._heartbeats = HeartbeatMonitor(limits)
        self._context = ExitStack()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        """Open the arms' ports and the cameras.

        Raises:
            OSError: a port is in use.
        """
        with ExitStack() as context:
            tasks = [arm.task for arm in self._cell.arms.values()]
            self._controller = RobotController(self._cell.controller, tasks, self._limits)
            context.callback(self._controller.close)
            host = socket.gethostbyname(urlsplit(self._cell.controller.url).hostname or "")
            self._arms = {
                name: ArmSystem(config, host, self._limits, self._heartbeats, context)
                for name, config in self._cell.arms.items()
            }
            # Before the arms' ports are freed: this agent must not stop the next agent's program.
            context.callback(self._controller.stop)
            context.callback(self._ended.set)
            self._context = context.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the arms hold, and stop the controller's program."""
        self._context.close()

    def serve(self, commands: BinaryIO, output: BinaryIO) -> None:
        """Serve until the stream of commands ends.

        Raises:
            WireError: the stream holds anything but commands.
        """
        decoder = Decoder()
        sender = threading.Thread(target=self._send, args=(output,), name="sender", daemon=True)
        reads: Callable[[int], bytes] = commands.read1  # type: ignore[attr-defined] # pipes and sockets have it
        while data := reads(CHUNK):
            self._receive(decoder, data, sender)

    @property
    def is_abandoned(self) -> bool:
        """Whether the fleet has been silent for so long that the agent should end."""
        return self._heartbeats.silent_s > self._limits.silence_s.value + ABANDONED_S

    def _receive(self, decoder: Decoder, data: bytes, sender: threading.Thread) -> None:
        for frame in decoder.feed(data):
            if frame.kind is Kind.HELLO and not sender.is_alive():
                print(f"serves fleet {unpack(frame, Hello).fleet}", file=sys.stderr, flush=True)
                sender.start()
            else:
                self._handle(frame)

    def _handle(self, frame: WireFrame) -> None:
        match frame.kind:
            case Kind.HEARTBEAT:
                heartbeat = unpack(frame, Heartbeat)
                self._heartbeats.receive(heartbeat.number, heartbeat.echo)
            case Kind.PUSH:
                push = unpack(frame, Push)
                self._plan(push, lambda arm: self._follow(arm, push.number, partial(arm.path_planner.push, push)))
            case Kind.PARK:
                park = unpack(frame, Command)
                self._plan(park, lambda arm: self._follow(arm, park.number, arm.path_planner.park))
            case Kind.READMIT:
                readmission = unpack(frame, Command)
                self._plan(readmission, lambda arm: self._readmit(arm, readmission.number))
            case Kind.STOP:
                for arm in self._arms.values():
                    arm.guided.stop()
            case other:
                raise WireError(f"expected a command, got {other.name}")

    def _arm(self, name: str) -> ArmSystem:
        if name not in self._arms:
            raise WireError(f"command: expected arm {' or '.join(self._arms)}, got {name}")
        return self._arms[name]

    def _plan(self, command: Command, task: Callable[[ArmSystem], None]) -> None:
        """Accept a command and run its task in the arm's own thread, because planning takes long."""
        arm = self._arm(command.arm)
        if not arm.guided.accept(command.number):
            raise WireError(f"command number: expected a greater one than before, got {command.number}")
        rejection = self._heartbeats.rejection(command.echo)
        if rejection:
            arm.guided.reject(command.number, rejection)
        else:
            arm.executor.submit(self._try, arm, command.number, task)

    @staticmethod
    def _try(arm: ArmSystem, number: int, task: Callable[[ArmSystem], None]) -> None:
        try:
            task(arm)
        except Exception as error:  # noqa: BLE001 - every command is completed
            traceback.print_exc()
            arm.guided.reject(number, f"planning failed: {error!r}")

    def _readmit(self, arm: ArmSystem, number: int) -> None:
        try:
            self._controller.ensure_running()
        except ControllerFault as error:
            arm.guided.reject(number, str(error))
            return
        until_s = time.monotonic() + READY_S
        while fault := arm.guided.motion_fault:
            if time.monotonic() > until_s:
                arm.guided.reject(number, fault)
                return
            time.sleep(POLL_S)
        self._follow(arm, number, arm.path_planner.park, readmits=True)

    @staticmethod
    def _follow(
        arm: ArmSystem, number: int, plan: Callable[[NDArray[np.float64]], JointPath], *, readmits: bool = False
    ) -> None:
        """Plan from the arm's position, and start to move."""
        joints_deg_7 = arm.guided.joints_deg_7
        if joints_deg_7 is None:
            arm.guided.reject(number, "the arm cannot be guided")
            return
        try:
            path = plan(joints_deg_7)
        except OutOfReach as error:
            arm.guided.reject(number, str(error))
            return
        arm.guided.follow(number, path, readmits=readmits)

    def _send(self, output: BinaryIO) -> None:
        """Send states and pictures; end the process when that fails."""
        try:
            self._send_until_closed(output)
        except Exception as error:  # noqa: BLE001 - without states the fleet has lost its arms anyway
            print(f"sending failed: {error!r}", file=sys.stderr, flush=True)
            exit_process()

    def _send_until_closed(self, output: BinaryIO) -> None:
        """Send states periodically, and every new picture that the link has time for."""
        output.write(pack(Kind.HELLO, Welcome(half_m={name: arm.half_m for name, arm in self._arms.items()})))
        while not self._ended.wait(STATE_S):
            arms = {name: arm.guided.state for name, arm in self._arms.items()}
            output.write(
                pack(
                    Kind.STATE,
                    State(number=self._heartbeats.next_state(), heartbeat=self._heartbeats.newest, arms=arms),
                )
            )
            for name, arm in self._arms.items():
                picture = arm.camera.take()
                if picture is not None:
                    output.write(Picture(name, *picture).frame().encode())
            output.flush()
