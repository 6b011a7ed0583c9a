"""People in a fleet that runs: one at a window, one in a browser, beside a scripted supervisor."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
import rclpy
from bags import messages
from conftest import ROOT, call, fleet
from running import TIMEOUT_S, started, wait_for
from watching import Watcher

from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.fleet import read_fleet
from teleop_gui.screen import layout
from teleop_gui.window import HEIGHT, WIDTH

sys.path.append(str(ROOT / "src/teleop_gui/test"))
from display import Person, display

pytestmark = pytest.mark.slow
TITLE = "fleet operator human_01"


@pytest.fixture
def steady(tmp_path: Path) -> str:
    """A fleet file with one person, whose policy stays as it is: in lockstep nobody waits for a training."""
    fleet_of_one = read_fleet(ROOT / "launch/config/block_push.yaml")
    path = tmp_path / "steady.yaml"
    changes = {"training": fleet_of_one.training.model_copy(update={"update_ticks": ()})}
    changes["supervisors"] = fleet_of_one.supervisors.model_copy(update={"operators": 1})
    fleet_of_one.model_copy(update=changes).write(path)
    return str(path)


def moves(folder: Path, supervisor: str) -> list:
    """What the gate has released of this supervisor's pushes."""
    return [
        action
        for actions in messages(folder / "bag", "/action").values()
        for action in actions
        if action.source == ActionSource.HUMAN and action.supervisor == supervisor and action.kind == ActionKind.MOVE
    ]


@contextmanager
def pushing(person: Person, place: tuple[int, int]) -> Iterator[None]:
    """Somebody who resets what is to be reset, and holds the drive key and clicks there, again and again."""
    over = threading.Event()

    def push() -> None:
        while not over.is_set():
            person.do("key", "r", "keyup", "space", "keydown", "space")
            for _ in range(8):
                person.do("mousemove", *place, "click", 1)
                over.wait(0.25)

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_person_at_a_window_and_a_script_share_a_fleet(tmp_path, monkeypatch, steady):
    """The person only ever pushes to the right; what the robots got under the person's lease is that."""
    with display(WIDTH, HEIGHT) as name:
        monkeypatch.setenv("DISPLAY", name)
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        person, folder = Person(name), tmp_path / "out"
        box = layout(WIDTH, HEIGHT, 1.0).picture
        with started(folder, "--fleet", steady) as process:
            wait_for(process, "ROS_DOMAIN_ID")
            person.focus(TITLE)
            with pushing(person, (box.left + box.width - 3, box.top + box.height // 2)):
                while int(re.findall(r"human actions (\d+)", wait_for(process, "tick "))[0]) < 6:
                    pass
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0
    assert "window_human_01: human_01 station" in json.loads((folder / "summary.json").read_text())["diagnostics"]
    pushes = moves(folder, "human_01")
    assert pushes
    assert all(push.values[0] > 0 for push in pushes)


@contextmanager
def page(folder: Path) -> Iterator[tuple[str, str]]:
    """`fleet operator --web` for a run; where its page is, and the token."""
    words = [ROOT / "fleet", "operator", "--web", "--port", "0", "--run", folder]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"(http://\S+/)#(\S+)", process.stdout.readline()).groups()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0


async def push_up(url: str, token: str, enough: int) -> set[str]:
    """Be human_01: hold the key and click above whatever cube there is, until so many actions are counted."""
    phases: set[str] = set()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}operator") as socket:
        await socket.send_json({"human": "human_01", "token": token})
        pushes, under = 0, 0
        while True:
            state = await socket.receive_json(timeout=TIMEOUT_S)
            if state["robot"]:
                assert (await socket.receive(timeout=TIMEOUT_S)).type is aiohttp.WSMsgType.BINARY
            phases.add(state["phase"])
            pushes, under = pushes + max(0, state["ticks"] - under), state["ticks"]
            if pushes >= enough:
                return phases
            answer = {"AIM": {"click": [0.5, 0.02], "hold": True}, "READY": {"hold": True}, "RESET": {"press": "r"}}
            await socket.send_json({"shown": state["number"]} | answer.get(state["phase"], {"hold": False}))


def test_a_person_in_a_browser_joins_and_leaves(tmp_path, monkeypatch, steady):
    """Until then the script works alone, and afterwards again."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    folder = tmp_path / "out"
    with started(folder, "--fleet", steady, "--no-window") as process:
        domain = int(re.findall(r"ROS_DOMAIN_ID=(\d+)", wait_for(process, "ROS_DOMAIN_ID"))[0])
        wait_for(process, "tick ")
        with page(folder) as (url, token):
            phases = asyncio.run(asyncio.wait_for(push_up(url, token, 2), TIMEOUT_S))
            monkeypatch.setenv("DISPLAY", ":nowhere")
            refusal = asyncio.run(asyncio.wait_for(sit_beside(url, token, folder), TIMEOUT_S))
            assert (
                refusal.strip() == "--human: expected an operator without a person, got human_01, who has one already."
            )
        with rclpy.init(domain_id=domain):
            watcher = Watcher()
            watcher.wait_for_ticks(12)
            watcher.node.destroy_node()
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
    assert "AIM" in phases
    pushes = moves(folder, "human_01")
    assert len(pushes) >= 2
    assert all(push.values[1] > 0 for push in pushes)
    assert moves(folder, "human_02"), "the script went on"
    tables = next(iter(messages(folder / "bag", "/fleet/leases").values()))
    last = [lease.supervisor for table in tables[-3:] for lease in table.leases]
    assert "human_01" not in last


async def sit_beside(url: str, token: str, folder: Path) -> str:
    """Try to take a place that is taken; what is said about it."""
    async with aiohttp.ClientSession() as session:
        refused = True
        while refused:  # the last one may not be gone yet
            async with session.ws_connect(f"{url}operator") as socket:
                await socket.send_json({"human": "human_01", "token": token})
                state = await socket.receive_json(timeout=TIMEOUT_S)
                refused = "refused" in state
                if not refused:
                    words = ("operator", "--human", "human_01", "--run", str(folder))
                    beside = asyncio.create_task(asyncio.to_thread(fleet, *words, cwd=folder.parent))
                while not refused and not beside.done():  # who does not say what they see is soon taken for gone
                    await socket.send_json({"shown": state["number"]})
                    if state["robot"]:
                        await socket.receive_bytes(timeout=TIMEOUT_S)
                    state = await socket.receive_json(timeout=TIMEOUT_S)
    done = beside.result()
    assert done.returncode == 2
    return done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("operator", "--human", "human_07"),
            "DISPLAY: expected a display (--web serves browsers on other machines), got none",
        ),
        (
            ("operator", "--web", "--run", "nowhere"),
            "--run: expected the folder of a run in progress on this machine",
        ),
        (("up", "--operators", "3", "--ticks", "1"), "supervisors.operators: expected at most count (2), got 3."),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path, monkeypatch, words, said):
    monkeypatch.delenv("DISPLAY", raising=False)
    done = call(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
