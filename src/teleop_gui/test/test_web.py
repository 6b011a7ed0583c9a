"""The operators' page in a real browser, and what others are refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from contextlib import contextmanager

import aiohttp
import numpy as np
import pytest
from cell import CELL, lease, shown
from display import until

from fleet_contract.door import BadInput
from fleet_contract.jpeg import to_jpeg
from sim_bridge.push_cell import PushCell
from teleop_gui.operator import Operator
from teleop_gui.pointing import pointing_of
from teleop_gui.screen import draw_picture
from teleop_gui.web import Done, Input, Login, Logout, WebServer, is_loopback

HUMANS = ("human_01", "human_02")
PICTURES = os.environ.get("FLEET_SCREENSHOTS")
"""Folder that gets a picture of the page."""
SIZE = 480


def jpeg() -> bytes:
    """What an operator is shown of a push cell while they point beside the cube."""
    environment = PushCell(CELL, 1)
    state_S = environment.start(3).states_NS[0]
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

    def __init__(self, **changes) -> None:
        self.server = WebServer(**({"host": "127.0.0.1", "port": 0, "token": "", "humans": HUMANS} | changes))
        self.here: list[str] = []
        self.inputs: list[Input] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._over.wait(0.02):
            while not self.server.events.empty():
                self._take(self.server.events.get())
            for human in list(self.here):
                self.server.show(human, STATE, JPEG)

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
def served(**changes):
    serving = Served(**changes)
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
        ({"human": "human_03"}, "There is no operator human_03."),
        ({"point": [0, 0]}, "Say first who you are."),
        ({"human": "human_01", "token": "wrong"}, "The token is wrong."),
        ({"human": "human_01"}, "The token is wrong."),
    ],
)
def test_who_is_not_known_is_refused(hello, refused):
    with served(token="right" if "human" in hello and hello["human"] == "human_01" else "") as serving:
        (said,) = talk(serving.url, hello)
        assert said.json() == {"refused": refused}
        assert serving.here == []


def test_a_second_login_is_refused_and_the_place_is_free_after_the_first(serving):
    async def two():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as first:
            await first.send_json({"human": "human_01"})
            assert (await first.receive_json(timeout=10))["robot"] == "robot_03"
            async with session.ws_connect(f"{serving.url}operator") as second:
                await second.send_json({"human": "human_01"})
                return await second.receive_json(timeout=10)

    assert asyncio.run(two()) == {"refused": "human_01 has an operator already."}
    until(lambda: serving.here == [])
    assert talk(serving.url, {"human": "human_01"})[0].json()["robot"] == "robot_03"


def test_the_right_token_lets_in_beyond_this_machine():
    with served(host="0.0.0.0", token="right") as serving:
        assert talk(serving.url, {"human": "human_01", "token": "right"})[0].json()["robot"] == "robot_03"


def test_beyond_this_machine_there_is_no_service_without_a_token():
    with pytest.raises(BadInput, match=r"--host: found 0.0.0.0 without a token"):
        WebServer("0.0.0.0", 0, "", HUMANS)


def test_a_port_that_is_taken_is_told(serving):
    with pytest.raises(BadInput, match=rf"--host, --port: found 127.0.0.1 {serving.server.port}: .*in use"):
        WebServer("127.0.0.1", serving.server.port, "", HUMANS)


def test_pages_of_others_cannot_drive_robots(serving):
    """A browser tells where a page comes from, and lets any page open any socket."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(serving.url, {"human": "human_01"}, headers={"Origin": "http://elsewhere.example"})
    assert refused.value.status == 403
    assert serving.here == []


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
    *_, last = talk(serving.url, {"human": "human_01"}, more=[nonsense], wait=200)
    assert last.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}
    until(lambda: serving.here == [])
    assert serving.inputs == []


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("robots.lab", False)],
)
def test_which_addresses_are_this_machine(host, here):
    assert is_loopback(host) == here


def test_a_slow_browser_gets_the_newest_and_not_the_oldest():
    with served() as serving:

        async def slow():
            async with aiohttp.ClientSession() as session, session.ws_connect(f"{serving.url}operator") as socket:
                await socket.send_json({"human": "human_01"})
                await socket.receive_json(timeout=10)
                for number in range(2000):
                    serving.server.show("human_01", STATE | {"seconds": number}, JPEG * 20)
                    serving.here.clear()
                heard = []
                while not heard or heard[-1] < 1999:
                    message = await socket.receive(timeout=10)
                    if message.type is aiohttp.WSMsgType.TEXT:
                        heard.append(message.json()["seconds"])
                serving.here.append("human_01")
                return heard

        heard = asyncio.run(slow())
        assert heard == sorted(heard) or heard[0] == 12
        assert len(heard) < 1000


@pytest.fixture(scope="module")
def browser():
    binary, driver = (
        next(filter(None, map(shutil.which, names)), None)
        for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
    )
    if not (binary and driver):
        pytest.skip("no Chromium with its driver installed (apt-get install chromium chromium-driver)")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = binary
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,800"):
        options.add_argument(word)
    chrome = Chrome(options, Service(driver))
    yield chrome
    chrome.quit()


def log_in(browser, serving, human="human_01"):
    browser.get("about:blank")
    browser.get(f"{serving.url}#{serving.server._token}")
    until(lambda: browser.find_elements("css selector", f"#human option:nth-child({HUMANS.index(human) + 1})"))
    browser.execute_script("document.getElementById('human').value = arguments[0]", human)
    browser.find_element("css selector", "#login button").click()


def text(browser, name):
    return browser.find_element("id", name).text


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
    for key in "hrpe":
        ActionChains(browser).send_keys(key).perform()
    until(lambda: [done.press for done in serving.inputs if done.press] == list("hrpe"))
    browser.find_element("css selector", "[data-press=e]").click()
    until(lambda: [done.press for done in serving.inputs if done.press] == list("hrpee"))

    ActionChains(browser).key_down(Keys.SPACE).perform()
    until(lambda: sum(done.hold is True for done in serving.inputs) >= 5)
    ActionChains(browser).key_up(Keys.SPACE).perform()
    until(lambda: serving.inputs[-1].hold is False)


def test_a_page_that_is_left_lets_go_of_the_drive_key(browser, serving):
    from selenium.webdriver import ActionChains, Keys

    log_in(browser, serving)
    until(lambda: text(browser, "robot") == "robot_03")
    ActionChains(browser).key_down(Keys.SPACE).perform()
    until(lambda: any(done.hold for done in serving.inputs))
    browser.execute_script("window.dispatchEvent(new Event('blur'))")
    until(lambda: serving.inputs[-1].hold is False)
    held = len(serving.inputs)
    time.sleep(0.3)  # nothing more must come, which no event tells
    assert len(serving.inputs) == held
    ActionChains(browser).key_up(Keys.SPACE).perform()


def test_a_refusal_is_shown(browser):
    with served(token="right") as serving:
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
