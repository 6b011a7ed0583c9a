"""A run that is looked at through Foxglove: everything that its layout shows arrives."""

from __future__ import annotations

import asyncio
import re
import signal
import struct
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from bags import messages
from conftest import TINY_SEED, TINY_TICKS, Ended
from running import TIMEOUT_S, started, wait_for

pytestmark = pytest.mark.slow
SHOWN = {
    "/diagnostics",
    "/fleet/leases",
    "/fleet/markers",
    "/fleet/signals/uncertainty",
    "/fleet/states",
    "/robot_01/camera/camera_info",
    "/robot_01/camera/image_raw",
    "/robot_02/action",
    "/robot_02/observation",
    "/robot_02/status",
    "/robot_04/camera/video/compressed",
    "/tf_static",
}
MESSAGE = struct.Struct("<BIQ")


async def arriving(address: str) -> set[str]:
    """Topics of which something has come, once all have."""
    came: set[str] = set()
    topics: dict[int, str] = {}
    async with (
        asyncio.timeout(TIMEOUT_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(address, protocols=["foxglove.sdk.v1"], max_msg_size=0) as socket,
    ):
        while came != SHOWN:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                came.add(topics[MESSAGE.unpack_from(message.data)[1]])
                continue
            channels = message.json().get("channels", [])
            wanted = {channel["id"]: channel["topic"] for channel in channels if channel["topic"] in SHOWN}
            topics |= wanted
            subscriptions = [{"id": number, "channelId": number} for number in wanted]
            await socket.send_json({"op": "subscribe", "subscriptions": subscriptions})
    return came


def address_of(log: Path) -> str:
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        if log.exists() and (found := re.search(r"ws://\S+", log.read_text())):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"{log} names no address")


@dataclass(frozen=True)
class Watched:
    """A run of the tiny fleet with the same seed, after it was stopped."""

    folder: Path
    output: str
    arrived: set[str]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Watched:
    folder = tmp_path_factory.mktemp("watched") / "out"
    words = ("--fleet", str(tiny), "--seed", str(TINY_SEED), "--foxglove", "--foxglove-port", "0")
    with started(folder, *words) as process:
        output = wait_for(process, "foxglove")
        arrived = asyncio.run(arriving(address_of(folder / "logs/foxglove.log")))
        while int(re.findall(r"tick (\d+)", wait_for(process, "tick "))[0]) < TINY_TICKS:
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
    return Watched(folder, output, arrived)


def test_everything_that_is_shown_of_a_run_arrives(watched: Watched) -> None:
    assert watched.arrived == SHOWN
    assert f"foxglove: {watched.folder / 'logs/foxglove.log'}" in watched.output


def test_the_same_seed_gives_the_same_run(watched: Watched, tiny_run: Ended) -> None:
    """Past two retrainings, and also when somebody watches."""
    first, again = (_actions(run.folder / "bag") for run in (tiny_run, watched))
    assert first == again
    assert {version for stream in first.values() for _, _, _, version, *_ in stream} >= {1, 2, 3}


def _actions(bag: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what every robot was told to do, at the first ticks."""
    return {
        topic: [
            (m.tick, m.kind, m.source, m.policy_version, m.supervisor, m.lease, tuple(m.values))
            for m in stream
            if m.tick < TINY_TICKS
        ]
        for topic, stream in messages(bag, "/action").items()
    }
