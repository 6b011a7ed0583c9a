"""A run that is looked at through Foxglove: everything that its layout shows arrives."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import struct
import subprocess
import time
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120
SHOWN = {
    "/diagnostics",
    "/fleet/leases",
    "/fleet/markers",
    "/fleet/policy_report",
    "/robot_01/camera/camera_info",
    "/robot_01/camera/image_raw",
    "/robot_04/camera/video/compressed",
    "/tf_static",
}
MESSAGE = struct.Struct("<BIQ")


async def arriving(address: str) -> set[str]:
    """Topics of which something has come, once all have."""
    came: set[str] = set()
    topics: dict[int, str] = {}
    async with (
        asyncio.timeout(PATIENCE_S),
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
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if log.exists() and (found := re.search(r"ws://\S+", log.read_text())):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"{log} names no address")


def test_everything_that_is_shown_of_a_run_arrives(tmp_path: Path) -> None:
    words = [
        "up",
        "--ticks",
        "12",
        "--headless",
        "--foxglove",
        "--foxglove-port",
        "0",
        "--report",
        "out",
        "--no-record",
    ]
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    with subprocess.Popen(
        [ROOT / "fleet", *words],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            came = asyncio.run(arriving(address_of(tmp_path / "out/logs/foxglove.log")))
        finally:
            os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert came == SHOWN
    assert process.returncode == 0, said
    assert f"foxglove: {tmp_path / 'out/logs/foxglove.log'}" in said
