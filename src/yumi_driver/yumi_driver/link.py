"""The link to a gateway: SSH, the agent's frames over it, beats, and connecting again when it is lost."""

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
from yumi_driver.messages import ArmState, Beat, Hello, Order, Picture, Push, State, Welcome
from yumi_driver.sent import Sent
from yumi_driver.wire import Decoder, Kind, WireError, WireFrame, pack, unpack

AGENT = "yumi_agent"
"""What the gateway is asked to run. Its authorized_keys should name the program and the cell file itself."""
BEAT_S = 0.05
CONNECT_S = 10.0
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 10.0
KEEP_ALIVE_S, KEEP_ALIVES = 1.0, 3
CHUNK = 65536
LEAVE_S = 0.5
SAME_M = 1e-4
CONNECTING = "connecting"

_Process: TypeAlias = asyncssh.SSHClientProcess[bytes]


class LinkLost(Exception):
    """Why the link cannot be used."""


@dataclass(frozen=True)
class Seen:
    """What an arm's camera saw. H rows, W columns."""

    beat: int
    """The agent had heard this beat before the picture was taken."""
    pixels_HW3: NDArray[np.uint8]
    """Red green blue."""


class Link:
    """Keeps the link to one gateway up, in a thread of its own, until it is closed. Its methods never wait."""

    def __init__(self, gateway: Gateway, fleet: str, half_m: float, limits: Limits, log: Callable[[str], None]) -> None:
        """`half_m` is what the contract takes the workspaces for, from the middle to an edge."""
        self._gateway = gateway
        self._half_m = half_m
        self._fleet = fleet
        self._limits = limits
        self._log = log
        self._lock = threading.Lock()
        self._fault = CONNECTING
        self._state: State | None = None
        self._heard_s = 0.0
        self._round_trip_s = 0.0
        self._pictures: dict[str, Seen] = {}
        self._beats = Sent()
        self._order = 0
        self._outgoing: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._hurry = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"link to {gateway.name}", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str:
        """Why the gateway cannot be used now; empty if it can."""
        with self._lock:
            if self._state is None:
                return self._fault or CONNECTING
            # For good: an agent that was not heard in time is told to hold by the end of the connection.
            self._fault = self._fault or self._silence()
            return self._fault

    @property
    def round_trip_s(self) -> float:
        """How long it took last to be heard and answered, seconds; 0 while there is no link."""
        with self._lock:
            return self._round_trip_s

    def arm(self, name: str) -> ArmState | None:
        """What the agent has told of an arm; None before it has."""
        with self._lock:
            return self._state.arms.get(name) if self._state and not self._fault else None

    def picture(self, name: str) -> Seen | None:
        """The newest picture of an arm's camera."""
        with self._lock:
            return self._pictures.get(name)

    def mark(self) -> int:
        """Pictures with this beat or a later one were taken after now."""
        with self._lock:
            return self._beats.number + 1

    def push(self, arm: str, start: tuple[float, float], yaw: float, travel: float) -> int:
        """Order a push; its number."""
        return self._order_to(Kind.PUSH, partial(Push, arm=arm, start=start, yaw=yaw, travel=travel))

    def resume(self, arm: str) -> int:
        """Order an arm to come back, because a person wants it; the order's number."""
        return self._order_to(Kind.RESUME, partial(Order, arm=arm))

    def park(self, arm: str) -> int:
        """Order an arm to lift and park, if nothing has happened to it; the order's number."""
        return self._order_to(Kind.PARK, partial(Order, arm=arm))

    def _order_to(self, kind: Kind, order: Callable[..., Order]) -> int:
        with self._lock:
            self._order += 1
            self._outgoing.append(pack(kind, order(number=self._order, echo=self._echo)))
            return self._order

    def stop(self) -> None:
        """Order all arms to hold at once."""
        with self._lock:
            self._outgoing.append(WireFrame(Kind.STOP).encode())
        self._loop.call_soon_threadsafe(self._hurry.set)

    def close(self) -> None:
        """Let the gateway go: its arms hold."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        """However long connecting, or taking leave of somebody who is not there any more, would take."""
        keeping_up = asyncio.create_task(self._keep_up())
        await self._closing.wait()
        keeping_up.cancel()
        await asyncio.wait([keeping_up], timeout=LEAVE_S)

    async def _keep_up(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        while True:
            began_s = time.monotonic()
            try:
                await self._connected()
            except LinkLost as lost:
                self._lose(str(lost))
            except asyncssh.HostKeyNotVerifiable:
                self._lose(f"{self._gateway.host} has another host key than the pinned one")
            except asyncssh.PermissionDenied:
                self._lose(f"{self._gateway.host} does not accept key {self._gateway.key.name}")
            except Exception as error:  # noqa: BLE001 - whatever happens, the link is tried again
                self._lose(f"link to {self._gateway.host}: {error or type(error).__name__}")
            if time.monotonic() - began_s > LONGEST_BACK_OFF_S:
                back_off_s = FIRST_BACK_OFF_S
            await asyncio.sleep(back_off_s)
            back_off_s = min(2 * back_off_s, LONGEST_BACK_OFF_S)

    async def _connected(self) -> None:
        """One connection, from its beginning to its end."""
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
            talk = [self._hear(process), self._beat_on(process), self._hear_errors(process)]
            tasks = [asyncio.create_task(part) for part in talk]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                process.stdin.write_eof()

    async def _hear(self, process: _Process) -> None:
        decoder = Decoder()
        while data := await process.stdout.read(CHUNK):
            for frame in decoder.feed(data):
                self._take(frame)
        raise LinkLost("the agent has ended")

    def _take(self, frame: WireFrame) -> None:
        match frame.kind:
            case Kind.HELLO:
                welcome = unpack(frame, Welcome)
                missing = [arm.name for arm in self._gateway.arms if arm.name not in welcome.half_m]
                if missing:
                    raise LinkLost(f"{self._gateway.host} has no arm {missing[0]}")
                half_m = welcome.half_m[self._gateway.arms[0].name]
                if abs(half_m - self._half_m) > SAME_M:
                    raise LinkLost(
                        f"the workspace at {self._gateway.host} is +-{half_m} m, the contract's +-{self._half_m} m"
                    )
            case Kind.STATE:
                self._take_state(unpack(frame, State))
            case Kind.PICTURE:
                picture = Picture.of(frame)
                try:
                    seen = Seen(picture.beat, from_jpeg(picture.jpeg))
                except ValueError as error:
                    raise WireError(f"found a picture of {picture.arm}: {error}") from None
                with self._lock:
                    self._pictures[picture.arm] = seen
            case other:
                raise WireError(f"found a frame of kind {other.name} from an agent")

    def _take_state(self, state: State) -> None:
        with self._lock:
            if self._state is None:
                self._log(f"{self._gateway.name} is connected")
                self._fault = ""
            self._state = state
            self._heard_s = time.monotonic()
            sent_s = self._beats.at_s(state.beat)
            if sent_s is not None:
                self._round_trip_s = self._heard_s - sent_s

    async def _beat_on(self, process: _Process) -> None:
        process.stdin.write(pack(Kind.HELLO, Hello(fleet=self._fleet)))
        while True:
            with self._lock:
                beat = Beat(number=self._beats.next(), echo=self._echo)
                outgoing, self._outgoing = self._outgoing, []
                fault = self._fault or self._silence() if self._state else ""
            if fault:
                raise LinkLost(fault)
            process.stdin.write(b"".join([pack(Kind.BEAT, beat), *outgoing]))
            await process.stdin.drain()
            await _within(self._hurry, BEAT_S)
            self._hurry.clear()

    async def _hear_errors(self, process: _Process) -> None:
        """What the agent says to people."""
        while line := await process.stderr.readline():
            self._log(f"{self._gateway.name}: {line.decode(errors='replace').rstrip()}")
        await asyncio.Event().wait()

    @property
    def _echo(self) -> int:
        """Number of the newest state that was heard. With the lock held."""
        return self._state.number if self._state else 0

    def _silence(self) -> str:
        """Why the agent's states are not those of now. With the lock held."""
        silent_s = time.monotonic() - self._heard_s
        if silent_s > self._limits.silence_s.value:
            return f"the link has been silent for {self._limits.silence_s.value:g} s"
        if self._round_trip_s > self._limits.late_s.value:
            return f"the link is slow: {self._round_trip_s:.1f} s there and back"
        return ""

    def _lose(self, why: str) -> None:
        with self._lock:
            if why != self._fault:
                self._log(f"{self._gateway.name}: {why}")
            self._fault, self._state = why, None
            self._pictures.clear()
            self._outgoing.clear()
            self._round_trip_s = 0.0


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, so long at most."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
