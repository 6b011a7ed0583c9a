"""The operators' page in a real browser, and what others are refused."""

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
from teleop_gui.web import Done, Input, Login, Logout, WebServer

HUMANS = ("human_01", "human_02")
TOKEN = "sesame"
HELLO = {"human": "human_01", "token": TOKEN}
PICTURES = os.environ.get("FLEET_SCREENSHOTS")
"""Folder that gets a picture of the page."""
SIZE = 480


def jpeg() -> bytes:
    """What an operator is shown of a push cell while they point beside the cube."""
    environment = PushCell(CELL, 1)
    state_S = environment.reset(3).states_NS[0]
    operator = Operator("human_01", pointing_of(CELL), time.monotonic, lambda: None, lambda: None)
    operator.assign(lease())
    operator.see(environment.video(0))
    operator.act(state_S)
    operator.click(*shown(state_S[0] + 0.07, state_S[1] + 0.03))
    environment.close()
    return to_jpeg(draw_picture(operator.sight(), SIZE, SIZE))


JPEG = jpeg()
STATE = {
    "phase": "AIM",
    "says": "your turn",
    "hint": "click where the push ends",
    "colour": (230, 159, 0),
    "robot": "robot_03",
    "kind": "TELEOPERATE",
    "uncertainty": 0.31,
    "threshold": 0.17,
    "waiting": ["robot_02", "robot_04"],
    "seconds": 12,
    "ticks": 3,
    "held": False,
    "shortened": True,
}


class Served:
    """A server, and somebody who answers as the node does: one person per place."""

    def __init__(self) -> None:
        self.server = WebServer("127.0.0.1", 0, TOKEN, HUMANS)
        self.number = 0
        self.awake = True
        self.here: list[str] = []
        self.inputs: list[Input] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._over.wait(0.02):
            while not self.server.events.empty():
                self._take(self.server.events.get())
            self.number += 1
            for human in list(self.here) if self.awake else ():
                self.server.show(human, STATE | {"number": self.number}, JPEG)

    def _take(self, event) -> None:
        if isinstance(event, Login):
            taken = event.human in self.here
            if not taken:
                self.here.append(event.human)
            event.answer.set_result(f"{event.human} has an operator already." if taken else "")
        elif isinstance(event, Logout):
            self.here.remove(event.human)
        elif isinstance(event, Done):
            self.inputs.append(event.input)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/"

    def close(self) -> None:
        self.server.close()
        self._over.set()
        self._thread.join()


@contextmanager
def served():
    serving = Served()
    try:
        yield serving
    finally:
        serving.close()


@pytest.fixture
def serving():
    with served() as found:
        yield found


def talk(url, hello, *, headers=None, more=(), wait=0):
    """What the server says to one who says hello; then whether it hangs up."""

    async def talking():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}operator", headers=headers) as socket:
            await socket.send_json(hello)
            said = [await socket.receive(timeout=10)]
            for message in more:
                await (socket.send_json if isinstance(message, dict) else socket.send_str)(message)
            for _ in range(wait):
                said.append(await socket.receive(timeout=10))
                if said[-1].type is not aiohttp.WSMsgType.TEXT and said[-1].type is not aiohttp.WSMsgType.BINARY:
                    break
            return said

    return asyncio.run(talking())


@pytest.mark.parametrize(
    ("hello", "refused"),
    [
        ({"human": "human_03", "token": TOKEN}, "There is no operator human_03."),
        ({"point": [0, 0]}, "Say first who you are."),
        ({"human": "human_01", "token": "wrong"}, "The token is wrong."),
        ({"human": "human_01", "token": "päss"}, "The token is wrong."),
        ({"human": "human_01"}, "The token is wrong."),
    ],
)
def test_who_is_not_known_is_refused(serving, hello, refused):
    (said,) = talk(serving.url, hello)
    assert said.json() == {"refused": refused}
    assert serving.here == []


def test_a_second_login_is_refused_and_the_place_is_free_after_the_first(serving):
    async def two():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as first:
            await first.send_json(HELLO)
            assert (await first.receive_json(timeout=10))["robot"] == "robot_03"
            async with session.ws_connect(f"{serving.url}operator") as second:
                await second.send_json(HELLO)
                return await second.receive_json(timeout=10)

    assert asyncio.run(two()) == {"refused": "human_01 has an operator already."}
    until(lambda: serving.here == [])
    assert talk(serving.url, HELLO)[0].json()["robot"] == "robot_03"


def test_nobody_is_served_without_a_token():
    with pytest.raises(ValueError, match="token is empty"):
        WebServer("127.0.0.1", 0, "", HUMANS)


@pytest.mark.parametrize("host", ["a..b", "192.0.2.1", "no such host"])
def test_an_address_that_is_not_here_is_told(host):
    with pytest.raises(InputError, match=rf"^--host, --port: found {host} 0: "):
        WebServer(host, 0, TOKEN, HUMANS)


def test_a_port_that_is_taken_is_told(serving):
    with pytest.raises(InputError, match=rf"--host, --port: found 127.0.0.1 {serving.server.port}: .*in use"):
        WebServer("127.0.0.1", serving.server.port, TOKEN, HUMANS)


def test_pages_of_others_cannot_drive_robots(serving):
    """A browser tells where a page comes from, and lets any page open any socket."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(serving.url, HELLO, headers={"Origin": "http://elsewhere.example"})
    assert refused.value.status == 403
    assert serving.here == []


def test_the_page_is_shown_in_no_other_page(serving):
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
def test_who_talks_nonsense_is_hung_up_on(serving, nonsense):
    *_, last = talk(serving.url, HELLO, more=[nonsense], wait=200)
    assert last.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}
    until(lambda: serving.here == [])
    assert serving.inputs == []


def test_the_next_is_sent_when_the_last_is_shown(serving):
    """However many there were in between."""

    async def slow():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as socket:
            await socket.send_json(HELLO)
            first = await socket.receive_json(timeout=10)
            assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.BINARY
            passed = serving.number + 20
            while serving.number < passed:
                await socket.send_json({"shown": first["number"] - 1})
                await asyncio.sleep(0.02)
            assert socket._reader._size == 0, "nothing more has come"
            await socket.send_json({"shown": first["number"]})
            return first["number"], (await socket.receive_json(timeout=10))["number"]

    first, second = asyncio.run(slow())
    assert second >= first + 20


@pytest.mark.parametrize("talks", [False, True])
def test_who_does_not_say_what_they_see_is_taken_for_gone(serving, talks):
    """Also while they go on to hold the drive key."""

    async def blind():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as socket:
            await socket.send_json(HELLO)
            until(lambda: serving.here == ["human_01"])
            end = time.monotonic() + 20
            while serving.here and time.monotonic() < end:
                if talks:
                    await socket.send_json({"hold": True})
                await asyncio.sleep(0.1)

    asyncio.run(blind())
    assert serving.here == []


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
    """What was told of the drive key."""
    return [done.hold for done in serving.inputs if done.hold is not None]


def test_the_page_shows_what_there_is_to_know(browser, serving):
    log_in(browser, serving, "human_02")
    until(lambda: text(browser, "robot") == "robot_03")
    assert text(browser, "who") == "human_02"
    assert text(browser, "says") == "your turn"
    assert text(browser, "hint") == "click where the push ends"
    assert text(browser, "why") == "unsure: 0.31 of 0.17 nats"
    assert text(browser, "time") == "12 s under your control, 3 actions"
    assert text(browser, "drive") == "drive key released · shortened to what is allowed"
    assert text(browser, "waiting") == "waiting: robot_02, robot_04"
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
    click = until(lambda: next((done.click for done in serving.inputs if done.click), None))
    np.testing.assert_allclose(click, [0.75, 0.25], atol=2 / min(width, height))
    assert any(done.point for done in serving.inputs)
    newest = serving.number
    assert all(newest - 100 < done.shown <= newest for done in serving.inputs if done.click), "what was seen then"
    ActionChains(browser).move_to_element_with_offset(picture, 0, 0).context_click().perform()
    for key in "hrpe":
        ActionChains(browser).send_keys(key).perform()
    until(lambda: [done.press for done in serving.inputs if done.press] == list("hrpe"))
    browser.find_element("css selector", "[data-press=e]").click()
    until(lambda: [done.press for done in serving.inputs if done.press] == list("hrpee"))
    assert sum(done.click is not None for done in serving.inputs) == 1, "the right button chooses nothing"

    ActionChains(browser).key_down(Keys.SPACE).perform()
    until(lambda: sum(done.hold is True for done in serving.inputs) >= 5)
    ActionChains(browser).key_up(Keys.SPACE).perform()
    until(lambda: holds(serving)[-1] is False)


def test_a_page_that_is_left_lets_go_of_the_drive_key(browser, serving):
    from selenium.webdriver import ActionChains, Keys

    log_in(browser, serving)
    until(lambda: text(browser, "robot") == "robot_03")
    ActionChains(browser).key_down(Keys.SPACE).perform()
    until(lambda: any(done.hold for done in serving.inputs))
    browser.execute_script("window.dispatchEvent(new Event('blur'))")
    until(lambda: holds(serving)[-1] is False)
    held, passed = sum(bool(done.hold) for done in serving.inputs), serving.number + 15
    until(lambda: serving.number > passed)
    assert sum(bool(done.hold) for done in serving.inputs) == held
    ActionChains(browser).key_up(Keys.SPACE).perform()


def test_a_page_to_which_nothing_comes_says_so(browser, serving):
    from selenium.webdriver import ActionChains, Keys

    log_in(browser, serving)
    until(lambda: text(browser, "says") == "your turn")
    ActionChains(browser).key_down(Keys.SPACE).perform()
    serving.awake = False
    until(lambda: text(browser, "says") == "no connection: nothing is sent")
    assert "own emergency stop" in text(browser, "hint")
    until(lambda: holds(serving)[-1] is False)
    serving.awake = True
    until(lambda: text(browser, "says") == "your turn")
    ActionChains(browser).key_up(Keys.SPACE).perform()


def test_letters_are_those_of_the_keyboard_whatever_its_language(browser, serving):
    log_in(browser, serving)
    until(lambda: text(browser, "robot") == "robot_03")
    browser.execute_script(
        "window.dispatchEvent(new KeyboardEvent('keydown', {key: '\\u0443', code: 'KeyE', bubbles: true}))"
    )
    until(lambda: [done.press for done in serving.inputs if done.press] == ["e"])


def test_the_emergency_stop_is_in_sight_on_a_telephone(browser, serving):
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


def test_a_lost_connection_is_told(browser):
    with served() as serving:
        log_in(browser, serving)
        until(lambda: text(browser, "robot") == "robot_03")
    until(lambda: "connection is lost" in text(browser, "refusal"))
