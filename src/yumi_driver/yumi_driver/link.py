"""The link to a gateway: frames over SSH, heartbeats, and reconnection."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import asyncssh
import numpy as np
from numpy.typing import NDArray

from fleet_common.jpeg import from_jpeg
from yumi_driver.gateways import Gateway
from yumi_driver.limits import Limits
from yumi_driver.messages import ArmState, Command, Heartbeat, Hello, Picture, Push, State, Welcome
from yumi_driver.send_times import SendTimes
from yumi_driver.wire import Decoder, Kind, WireError, WireFrame, pack, unpack

AGENT = "yumi_agent"
"""Program that the gateway runs. Its authorized_keys should fix the program and the cell file."""
HEARTBEAT_S = 0.05
"""Seconds between two heartbeats."""
CONNECT_S = 10.0
"""Timeout of connecting and of logging in, s."""
MIN_BACK_OFF_S, MAX_BACK_OFF_S = 0.5, 10.0
"""First and longest delay before reconnecting; it doubles with every failure."""
KEEP_ALIVE_S, KEEP_ALIVES = 1.0, 3
"""Interval of SSH keepalives in s, and how many may be missed."""
CHUNK = 65536
CLOSE_S = 0.5
"""Longest time that closing may take, s."""
HALF_TOLERANCE_M = 1e-4
"""Largest difference between the workspace's size in the contract and at the gateway."""
CONNECTING = "connecting"

_Process: TypeAlias = asyncssh.SSHClientProcess[bytes]


class LinkLost(Exception):
    """The link cannot be used; the message states why."""


@dataclass(frozen=True)
class ReceivedPicture:
    """A decoded picture of an arm's camera. H rows, W columns."""

    heartbeat: int
    """Number of a heartbeat that the agent had received before the picture was taken."""
    pixels_HW3: NDArray[np.uint8]
    """Picture, RGB."""


class Link:
    """Maintains the link to one gateway in its own thread until it is closed. Its methods do not block."""

    def __init__(self, gateway: Gateway, fleet: str, half_m: float, limits: Limits, log: Callable[[str], None]) -> None:
        """Start to connect.

        Args:
            gateway: the gateway's entry in the gateways file.
            fleet: name of the fleet.
            half_m: distance from the middle of the workspaces to an edge in the contract, m.
            limits: limits that include the timeouts of the link.
            log: writes a line to the log.
        """
        self._gateway = gateway
        self._half_m = half_m
        self._fleet = fleet
        self._limits = limits
        self._log = log
        self._lock = threading.Lock()
        self._fault = CONNECTING
        self._state: State | None = None
        self._received_s = 0.0
        self._round_trip_s = 0.0
        self._pictures: dict[str, ReceivedPicture] = {}
        self._heartbeats = SendTimes()
        self._command = 0
        self._outgoing: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._send_now = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"link to {gateway.name}", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str:
        """Why the gateway cannot be used now; empty if it can."""
        with self._lock:
            if self._state is None:
                return self._fault or CONNECTING
            # The fault is final: ending the connection makes an agent hold that was silent for too long.
            self._fault = self._fault or self._silence()
            return self._fault

    @property
    def round_trip_s(self) -> float:
        """Last round-trip time, s; 0 while there is no link."""
        with self._lock:
            return self._round_trip_s

    def arm(self, name: str) -> ArmState | None:
        """Return the newest state of an arm; None before the first."""
        with self._lock:
            return self._state.arms.get(name) if self._state and not self._fault else None

    def picture(self, name: str) -> ReceivedPicture | None:
        """Return the newest picture of an arm's camera; None before the first."""
        with self._lock:
            return self._pictures.get(name)

    def next_heartbeat(self) -> int:
        """Return the number of the next heartbeat: pictures that carry it, or a later one, are taken after now."""
        with self._lock:
            return self._heartbeats.number + 1

    def push(self, arm: str, start: tuple[float, float], yaw: float, travel: float) -> int:
        """Command a push, and return the command's number."""
        return self._enqueue(Kind.PUSH, partial(Push, arm=arm, start=start, yaw=yaw, travel=travel))

    def readmit(self, arm: str) -> int:
        """Command an arm to park and accept commands again, and return the command's number."""
        return self._enqueue(Kind.READMIT, partial(Command, arm=arm))

    def park(self, arm: str) -> int:
        """Command an arm to lift and park, and return the command's number; an arm with a fault does not."""
        return self._enqueue(Kind.PARK, partial(Command, arm=arm))

    def _enqueue(self, kind: Kind, command: Callable[..., Command]) -> int:
        with self._lock:
            self._command += 1
            self._outgoing.append(pack(kind, command(number=self._command, echo=self._echo)))
            return self._command

    def stop(self) -> None:
        """Command all arms to hold at once."""
        with self._lock:
            self._outgoing.append(WireFrame(Kind.STOP).encode())
        self._loop.call_soon_threadsafe(self._send_now.set)

    def close(self) -> None:
        """Close the link: the gateway's arms hold."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        """Run until closed, without waiting for a connection that is being opened or does not close."""
        connecting = asyncio.create_task(self._reconnect())
        await self._closing.wait()
        connecting.cancel()
        await asyncio.wait([connecting], timeout=CLOSE_S)

    async def _reconnect(self) -> None:
        back_off_s = MIN_BACK_OFF_S
        while True:
            began_s = time.monotonic()
            try:
                await self._run_connection()
            except LinkLost as lost:
                self._lose(str(lost))
            except asyncssh.HostKeyNotVerifiable:
                self._lose(f"{self._gateway.host} has another host key than the pinned one")
            except asyncssh.PermissionDenied:
                self._lose(f"{self._gateway.host} does not accept key {self._gateway.key.name}")
            except Exception as error:  # noqa: BLE001 - reconnect after any error
                self._lose(f"link to {self._gateway.host}: {error or type(error).__name__}")
            if time.monotonic() - began_s > MAX_BACK_OFF_S:
                back_off_s = MIN_BACK_OFF_S
            await asyncio.sleep(back_off_s)
            back_off_s = min(2 * back_off_s, MAX_BACK_OFF_S)

    async def _run_connection(self) -> None:
        """Open a connection and run it until it ends."""
        gateway = self._gateway
        try:
            key = asyncssh.read_private_key(gateway.key)
        except asyncssh.KeyImportError as error:
            raise LinkLost(f"{gateway.key}: {error}") from None
        options = asyncssh.SSHClientConnectionOptions(
            username=gateway.user,
            client_keys=[key],
            known_hosts=([asyncssh.import_public_key(gateway.host_key)], [], []),
            preferred_auth="publickey",
            agent_path=None,
            config=None,
            connect_timeout=CONNECT_S,
            login_timeout=CONNECT_S,
            keepalive_interval=KEEP_ALIVE_S,
            keepalive_count_max=KEEP_ALIVES,
        )
        async with (
            asyncssh.connect(gateway.host, gateway.port, options=options) as connection,
            connection.create_process(AGENT, encoding=None) as process,
        ):
            coroutines = [self._receive(process), self._send(process), self._log_errors(process)]
            tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                process.stdin.write_eof()

    async def _receive(self, process: _Process) -> None:
        decoder = Decoder()
        while data := await process.stdout.read(CHUNK):
            for frame in decoder.feed(data):
                self._handle(frame)
        raise LinkLost("the agent has exited")

    def _handle(self, frame: WireFrame) -> None:
        match frame.kind:
            case Kind.HELLO:
                welcome = unpack(frame, Welcome)
                missing = [arm.name for arm in self._gateway.arms if arm.name not in welcome.half_m]
                if missing:
                    raise LinkLost(
                        f"arms at {self._gateway.host}: expected {missing[0]}, got {', '.join(welcome.half_m)}"
                    )
                half_m = welcome.half_m[self._gateway.arms[0].name]
                if abs(half_m - self._half_m) > HALF_TOLERANCE_M:
                    raise LinkLost(
                        f"workspace at {self._gateway.host}: expected +-{self._half_m} m as in the contract, got +-{half_m} m"
                    )
            case Kind.STATE:
                self._handle_state(unpack(frame, State))
            case Kind.PICTURE:
                picture = Picture.of(frame)
                try:
                    received = ReceivedPicture(picture.heartbeat, from_jpeg(picture.jpeg))
                except ValueError as error:
                    raise WireError(f"picture of {picture.arm}: {error}") from None
                with self._lock:
                    self._pictures[picture.arm] = received
            case other:
                raise WireError(f"expected a frame of an agent, got {other.name}")

    def _handle_state(self, state: State) -> None:
        with self._lock:
            if self._state is None:
                self._log(f"{self._gateway.name} is connected")
                self._fault = ""
            self._state = state
            self._received_s = time.monotonic()
            sent_s = self._heartbeats.at_s(state.heartbeat)
            if sent_s is not None:
                self._round_trip_s = self._received_s - sent_s

    async def _send(self, process: _Process) -> None:
        process.stdin.write(pack(Kind.HELLO, Hello(fleet=self._fleet)))
        while True:
            with self._lock:
                heartbeat = Heartbeat(number=self._heartbeats.next(), echo=self._echo)
                outgoing, self._outgoing = self._outgoing, []
                fault = self._fault or self._silence() if self._state else ""
            if fault:
                raise LinkLost(fault)
            process.stdin.write(b"".join([pack(Kind.HEARTBEAT, heartbeat), *outgoing]))
            await process.stdin.drain()
            await _wait(self._send_now, HEARTBEAT_S)
            self._send_now.clear()

    async def _log_errors(self, process: _Process) -> None:
        """Log the agent's standard error."""
        while line := await process.stderr.readline():
            self._log(f"{self._gateway.name}: {line.decode(errors='replace').rstrip()}")
        await asyncio.Event().wait()

    @property
    def _echo(self) -> int:
        """Number of the newest received state. The caller holds the lock."""
        return self._state.number if self._state else 0

    def _silence(self) -> str:
        """Return why the agent's states are out of date; empty if they are not. The caller holds the lock."""
        silent_s = time.monotonic() - self._received_s
        if silent_s > self._limits.silence_s.value:
            return f"the link has been silent for {self._limits.silence_s.value:g} s"
        if self._round_trip_s > self._limits.late_s.value:
            return f"the link is slow: a round trip takes {self._round_trip_s:.1f} s"
        return ""

    def _lose(self, reason: str) -> None:
        with self._lock:
            if reason != self._fault:
                self._log(f"{self._gateway.name}: {reason}")
            self._fault, self._state = reason, None
            self._pictures.clear()
            self._outgoing.clear()
            self._round_trip_s = 0.0


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for the event or the timeout."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
