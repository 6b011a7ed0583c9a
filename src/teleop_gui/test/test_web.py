"""Tests the operators' page in a real browser, and the refusal of invalid clients."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import contextmanager

import aiohttp
import numpy as np
import pytest
from browser import headless_chromium
from cell import CELL, lease, shown
from display import until

from fleet_common.jpeg import to_jpeg
from fleet_contract.validation import InputError
from sim_bridge.push.cell import PushCell
from teleop_gui.operator import Operator
from teleop_gui.pointing import pointing_of
from teleop_gui.screen import draw_picture
from teleop_gui.web_server import CLIENT_TIMEOUT_S, Input, InputEvent, Login, Logout, WebServer

pytestmark = pytest.mark.slow
HUMANS = ("human_01", "human_02")
TOKEN = "sesame"
HELLO = {"human": "human_01", "token": TOKEN}
PICTURES = os.environ.get("FLEET_SCREENSHOTS")
"""Folder to which a picture of the page is written."""
SIZE = 480


def jpeg() -> bytes:
    """Return the picture of a push cell that an operator sees who points beside the cube."""
    environment = PushCell(CELL, 1)
    state_S = environment.reset(3).states_NS[0]
    operator = Operator("human_01", pointing_of(CELL), lambda: 0.0, lambda: None, lambda: None)
    operator.assign(lease())
    operator.add_picture(environment.video(0))
    operator.act(state_S)
    operator.point(*shown(state_S[0] + 0.07, state_S[1] + 0.03))
    environment.close()
    return to_jpeg(draw_picture(operator.view(), SIZE, SIZE))


JPEG = jpeg()
STRIP = to_jpeg(np.random.default_rng(0).integers(0, 255, (192, 576, 3), dtype=np.uint8))
STATE = {
    "phase": "AIM",
    "status": "your turn",
    "hint": "click where the push ends",
    "colour": (230, 159, 0),
    "robot": "robot_03",
    "kind": "TELEOPERATE",
    "uncertainty": 0.31,
    "reason": "uncertainty 0.31 nats (threshold 0.17)",
    "question": "",
    "threshold": 0.17,
    "waiting": ["robot_02", "robot_04"],
    "seconds": 12,
    "ticks": 3,
    "held": False,
    "clipped": True,
}


class ServerUnderTest:
    """A server, and a thread that answers as the node does: each operator name admits one person."""

    def __init__(self, client_timeout_s: float = 120.0) -> None:
        """Serve browsers that may be slow, because the machine is busy."""
        self.server = WebServer("127.0.0.1", 0, TOKEN, HUMANS, client_timeout_s)
        self.number = 0
        self.updating = True
        self.question, self.futures = "", b""
        self.joined: list[str] = []
        self.inputs: list[Input] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._closing.wait(0.02):
            while not self.server.events.empty():
                self._take(self.server.events.get())
            self.number += 1
            for human in list(self.joined) if self.updating else ():
                state = STATE | {"number": self.number, "question": self.question}
                self.server.show(human, state, JPEG, self.futures)

    def _take(self, event) -> None:
        if isinstance(event, Login):
            occupied = event.human in self.joined
            if not occupied:
                self.joined.append(event.human)
            event.answer.set_result(f"{event.human} has already joined." if occupied else "")
        elif isinstance(event, Logout):
            self.joined.remove(event.human)
        elif isinstance(event, InputEvent):
            self.inputs.append(event.input)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/"

    def close(self) -> None:
        self.server.close()
        self._closing.set()
        self._thread.join()


@contextmanager
def served(**settings):
    serving = ServerUnderTest(**settings)
    try:
        yield serving
    finally:
        serving.close()


@pytest.fixture
def serving():
    with served() as found:
        yield found


def talk(url, hello, *, headers=None, more=(), wait=0):
    """Return the server's messages to a client that logs in, up to the end of the connection."""

    async def run_client():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}operator", headers=headers) as socket:
            await socket.send_json(hello)
            received = [await socket.receive(timeout=120)]
            for message in more:
                await (socket.send_json if isinstance(message, dict) else socket.send_str)(message)
            for _ in range(wait):
                received.append(await socket.receive(timeout=120))
                if (
                    received[-1].type is not aiohttp.WSMsgType.TEXT
                    and received[-1].type is not aiohttp.WSMsgType.BINARY
                ):
                    break
            return received

    return asyncio.run(run_client())


@pytest.mark.parametrize(
    ("hello", "refused"),
    [
        ({"human": "human_03", "token": TOKEN}, "There is no operator human_03."),
        ({"point": [0, 0]}, "The first message must name the operator."),
        ({"human": "human_01", "token": "wrong"}, "The token is wrong."),
        ({"human": "human_01", "token": "päss"}, "The token is wrong."),
        ({"human": "human_01"}, "The token is wrong."),
    ],
)
def test_invalid_logins_are_refused(serving, hello, refused):
    (answer,) = talk(serving.url, hello)
    assert answer.json() == {"refused": refused}
    assert serving.joined == []


def test_a_second_login_is_refused_until_the_first_operator_has_left(serving):
    async def two():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as first:
            await first.send_json(HELLO)
            assert (await first.receive_json(timeout=120))["robot"] == "robot_03"
            async with session.ws_connect(f"{serving.url}operator") as second:
                await second.send_json(HELLO)
                return await second.receive_json(timeout=120)

    assert asyncio.run(two()) == {"refused": "human_01 has already joined."}
    until(lambda: serving.joined == [])
    assert talk(serving.url, HELLO)[0].json()["robot"] == "robot_03"


def test_an_empty_token_is_refused():
    with pytest.raises(ValueError, match="token is empty"):
        WebServer("127.0.0.1", 0, "", HUMANS)


@pytest.mark.parametrize("host", ["a..b", "192.0.2.1", "no such host"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(InputError, match=rf"^--host, --port: expected an address to listen at, got {host} 0: "):
        WebServer(host, 0, TOKEN, HUMANS)


def test_a_port_in_use_is_refused(serving):
    with pytest.raises(
        InputError,
        match=rf"--host, --port: expected an address to listen at, got 127.0.0.1 {serving.server.port}: .*in use",
    ):
        WebServer("127.0.0.1", serving.server.port, TOKEN, HUMANS)


def test_foreign_pages_cannot_drive_robots(serving):
    """Browsers let any page open any WebSocket, but send the page's origin."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(serving.url, HELLO, headers={"Origin": "http://elsewhere.example"})
    assert refused.value.status == 403
    assert serving.joined == []


def test_the_page_cannot_be_framed_by_another_page(serving):
    async def headers():
        async with aiohttp.ClientSession() as session, session.get(serving.url) as page:
            return page.headers

    assert "frame-ancestors 'none'" in asyncio.run(headers())["Content-Security-Policy"]


@pytest.mark.parametrize(
    "nonsense",
    [
        "no json",
        {"click": [2, 0]},
        {"press": "rr"},
        {"unknown": 1},
        {"point": "here"},
        {"point": [0.5, 0.5], "hold": "x" * 2000},
    ],
)
def test_invalid_messages_end_the_connection(serving, nonsense):
    *_, last = talk(serving.url, HELLO, more=[nonsense], wait=200)
    assert last.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}
    until(lambda: serving.joined == [])
    assert serving.inputs == []


def test_the_next_state_is_sent_when_the_last_is_confirmed(serving):
    """States in between are skipped."""

    async def slow():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as socket:
            await socket.send_json(HELLO)
            first = await socket.receive_json(timeout=120)
            assert (await socket.receive(timeout=120)).type is aiohttp.WSMsgType.BINARY
            passed = serving.number + 20
            while serving.number < passed:
                await socket.send_json({"shown": first["number"] - 1})
                await asyncio.sleep(0.02)
            assert socket._reader._size == 0, "no further state was sent"
            await socket.send_json({"shown": first["number"]})
            return first["number"], (await socket.receive_json(timeout=120))["number"]

    first, second = asyncio.run(slow())
    assert second >= first + 20


@pytest.mark.parametrize("talks", [False, True])
def test_a_client_that_does_not_confirm_states_is_disconnected(talks):
    """This holds although it reports a held drive key."""

    async def run_client(serving):
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as socket:
            await socket.send_json(HELLO)
            until(lambda: serving.joined == ["human_01"])
            end = time.monotonic() + 120
            while serving.joined and time.monotonic() < end:
                if talks:
                    await socket.send_json({"hold": True})
                await asyncio.sleep(0.1)

    with served(client_timeout_s=CLIENT_TIMEOUT_S) as serving:
        asyncio.run(run_client(serving))
        assert serving.joined == []


@pytest.fixture(scope="module")
def browser():
    with headless_chromium("--window-size=1280,800") as chrome:
        yield chrome


def log_in(browser, serving, human="human_01"):
    browser.get("about:blank")
    browser.get(f"{serving.url}#{TOKEN}")
    until(lambda: browser.find_elements("css selector", f"#human option:nth-child({HUMANS.index(human) + 1})"))
    browser.execute_script("document.getElementById('human').value = arguments[0]", human)
    browser.find_element("css selector", "#login button").click()


def text(browser, name):
    return browser.find_element("id", name).text


def holds(serving):
    """Return the reports of the drive key."""
    return [message.hold for message in serving.inputs if message.hold is not None]


def test_the_page_shows_the_state(browser, serving):
    log_in(browser, serving, "human_02")
    expected = {
        "robot": "robot_03",
        "who": "human_02",
        "status": "your turn",
        "hint": "click where the push ends",
        "reason": "uncertainty 0.31 nats (threshold 0.17)",
        "time": "12 s under your control, 3 actions",
        "drive": "drive key released · clipped to limits",
        "waiting": "robots waiting: robot_02, robot_04",
    }
    # On a busy machine, the page may show a loss of connection for a moment.
    until(lambda: {name: text(browser, name) for name in expected} == expected)
    size = "const picture = document.getElementById('picture'); return [picture.naturalWidth, picture.naturalHeight]"
    until(lambda: browser.execute_script(size) == [SIZE, SIZE])
    if PICTURES:
        browser.save_screenshot(f"{PICTURES}/operator_web.png")
    assert browser.get_log("browser") == []


def test_pointer_and_keys_arrive(browser, serving):
    from selenium.webdriver import ActionChains, Keys

    log_in(browser, serving)
    until(lambda: text(browser, "robot") == "robot_03")
    picture = browser.find_element("id", "picture")
    width, height = picture.size["width"], picture.size["height"]
    ActionChains(browser).move_to_element_with_offset(picture, width // 4, -height // 4).click().perform()
    click = until(lambda: next((message.click for message in serving.inputs if message.click), None))
    np.testing.assert_allclose(click, [0.75, 0.25], atol=2 / min(width, height))
    assert any(message.point for message in serving.inputs)
    newest = serving.number
    assert all(newest - 100 < message.shown <= newest for message in serving.inputs if message.click), (
        "the input carries the number of a recent state"
    )
    ActionChains(browser).move_to_element_with_offset(picture, 0, 0).context_click().perform()
    for key in "hrpe":
        ActionChains(browser).send_keys(key).perform()
    until(lambda: [message.press for message in serving.inputs if message.press] == list("hrpe"))
    browser.find_element("css selector", "[data-press=e]").click()
    until(lambda: [message.press for message in serving.inputs if message.press] == list("hrpee"))
    assert sum(message.click is not None for message in serving.inputs) == 1, "the right button is ignored"

    def press_again() -> None:
        """Press the key again: on a busy machine, the page may show a loss of connection, which releases the key."""
        ActionChains(browser).key_up(Keys.SPACE).key_down(Keys.SPACE).perform()
        time.sleep(1)

    until(lambda: sum(message.hold is True for message in serving.inputs) >= 5, press_again)
    ActionChains(browser).key_up(Keys.SPACE).perform()
    until(lambda: holds(serving)[-1] is False)


def test_an_alarm_is_shown_with_imagined_futures_and_dismissed(browser, serving):
    from selenium.webdriver import ActionChains

    log_in(browser, serving)
    until(lambda: text(browser, "robot") == "robot_03")
    futures, alarm = (browser.find_element("id", name) for name in ("futures", "alarm"))
    assert not futures.is_displayed()
    assert not alarm.is_displayed()
    serving.question, serving.futures = "Does robot_03 need help? (failure 1.4, threshold 1)", STRIP
    until(lambda: text(browser, "question") == serving.question)
    until(futures.is_displayed)
    assert futures.text == "Imagined futures"
    size = "const image = document.querySelector('#futures img'); return [image.naturalWidth, image.naturalHeight]"
    until(lambda: browser.execute_script(size) == [576, 192])
    if PICTURES:
        browser.save_screenshot(f"{PICTURES}/operator_web_alarm.png")
    ActionChains(browser).send_keys("d").perform()
    browser.find_element("css selector", "[data-press=d]").click()
    until(lambda: [message.press for message in serving.inputs if message.press] == ["d", "d"])
    serving.question, serving.futures = "", b""
    until(lambda: not futures.is_displayed() and not alarm.is_displayed())
    assert browser.get_log("browser") == []


def test_futures_are_sent_once(serving):
    serving.futures = STRIP

    async def states(count):
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as socket:
            await socket.send_json(HELLO)
            received = []
            while len(received) < count:
                received.append(await socket.receive_json(timeout=120))
                await socket.receive(timeout=120)
                await socket.send_json({"shown": received[-1]["number"]})
            return received

    assert ["futures" in state for state in asyncio.run(states(4))] == [True, False, False, False]


def test_a_page_that_loses_the_focus_releases_the_drive_key(browser, serving):
    from selenium.webdriver import ActionChains, Keys

    log_in(browser, serving)
    until(lambda: text(browser, "robot") == "robot_03")
    ActionChains(browser).key_down(Keys.SPACE).perform()
    until(lambda: any(message.hold for message in serving.inputs))
    browser.execute_script("window.dispatchEvent(new Event('blur'))")
    until(lambda: holds(serving)[-1] is False)
    held, passed = sum(bool(message.hold) for message in serving.inputs), serving.number + 15
    until(lambda: serving.number > passed)
    assert sum(bool(message.hold) for message in serving.inputs) == held
    ActionChains(browser).key_up(Keys.SPACE).perform()


def test_a_page_without_new_states_shows_the_loss_of_connection(browser, serving):
    from selenium.webdriver import ActionChains, Keys

    log_in(browser, serving)
    until(lambda: text(browser, "status") == "your turn")
    ActionChains(browser).key_down(Keys.SPACE).perform()
    serving.updating = False
    until(lambda: text(browser, "status") == "no connection: nothing is sent")
    assert "own emergency stop" in text(browser, "hint")
    until(lambda: holds(serving)[-1] is False)
    serving.updating = True
    until(lambda: text(browser, "status") == "your turn")
    ActionChains(browser).key_up(Keys.SPACE).perform()


def test_keys_work_on_keyboards_of_any_language(browser, serving):
    log_in(browser, serving)
    until(lambda: text(browser, "robot") == "robot_03")
    browser.execute_script(
        "window.dispatchEvent(new KeyboardEvent('keydown', {key: '\\u0443', code: 'KeyE', bubbles: true}))"
    )
    until(lambda: [message.press for message in serving.inputs if message.press] == ["e"])


def test_the_emergency_stop_is_visible_on_a_phone(browser, serving):
    browser.set_window_size(500, 700)
    try:
        log_in(browser, serving)
        until(lambda: text(browser, "robot") == "robot_03")
        box = browser.execute_script(
            "const box = document.querySelector('.stop').getBoundingClientRect(); return [box.top, box.bottom, innerHeight]"
        )
        assert 0 <= box[0] < box[1] <= box[2]
    finally:
        browser.set_window_size(1280, 800)


def test_a_refusal_is_shown(browser):
    with served() as serving:
        browser.get("about:blank")
        browser.get(serving.url)
        until(lambda: browser.find_elements("css selector", "#human option"))
        browser.find_element("id", "token").send_keys("wrong")
        browser.find_element("css selector", "#login button").click()
        until(lambda: text(browser, "refusal") == "The token is wrong.")
        log_in(browser, serving)
        until(lambda: text(browser, "robot") == "robot_03")


def test_a_lost_connection_is_shown(browser):
    with served() as serving:
        log_in(browser, serving)
        until(lambda: text(browser, "robot") == "robot_03")
    until(lambda: "connection was lost" in text(browser, "refusal"))
