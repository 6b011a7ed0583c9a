import pytest
import requests
from abb_robot_client.rws import RWS
from hypothesis import given
from hypothesis import strategies as st
from requests.auth import HTTPDigestAuth

from yumi_driver.sim_controller.digest import Digest
from yumi_driver.sim_controller.simulated_controller import SimulatedController

RIGHT = HTTPDigestAuth("Default User", "robotics")


@pytest.fixture(scope="module")
def url():
    with SimulatedController() as controller:
        yield f"{controller.url}/rw/panel/opmode?json=1"


@pytest.mark.parametrize(
    ("user", "password"),
    [("Default User", "Robotics"), ("default user", "robotics"), ("Default User", ""), ("", "robotics")],
)
def test_a_wrong_password_is_refused(url, user, password):
    answer = requests.get(url, auth=HTTPDigestAuth(user, password), timeout=120)
    assert answer.status_code == requests.codes.unauthorized
    assert not answer.cookies


def test_the_client_reports_a_wrong_password():
    with SimulatedController(user="Robot", password="secret") as controller:
        with pytest.raises(Exception, match="401"):
            RWS(controller.url).get_operation_mode()
        rws = RWS(controller.url, "Robot", "secret")
        assert rws.get_operation_mode() == "AUTO"
        rws.close()


def test_without_a_password_the_client_is_challenged(url):
    answer = requests.get(url, timeout=120)
    assert answer.status_code == requests.codes.unauthorized
    assert answer.headers["WWW-Authenticate"].startswith("Digest ")
    assert requests.get(url, auth=("Default User", "robotics"), timeout=120).status_code == requests.codes.unauthorized


def test_a_session_lasts_until_logout(url):
    with requests.Session() as session:
        first = session.get(url, auth=RIGHT, timeout=120)
        assert first.status_code == requests.codes.ok
        assert set(session.cookies.keys()) == {"-http-session-", "ABBCX"}
        cookies = dict(session.cookies)
        assert session.get(url, timeout=120).status_code == requests.codes.ok
        assert dict(session.cookies) == cookies
        logout = url.replace("rw/panel/opmode", "logout")
        assert session.get(logout, timeout=120).status_code == requests.codes.no_content
        assert session.get(url, timeout=120).status_code == requests.codes.unauthorized


def test_an_unknown_session_is_refused(url):
    answer = requests.get(url, cookies={"-http-session-": "0123"}, timeout=120)
    assert answer.status_code == requests.codes.unauthorized


def authorization(url):
    with requests.Session() as session:
        return session.get(url, auth=HTTPDigestAuth("Default User", "robotics"), timeout=120).request.headers[
            "Authorization"
        ]


def test_an_answer_is_valid_for_its_own_request_only(url):
    header = authorization(url)
    assert requests.get(url, headers={"Authorization": header}, timeout=120).status_code == requests.codes.ok
    other = url.replace("opmode", "ctrlstate")
    for method, target in (("GET", other), ("POST", url)):
        answer = requests.request(method, target, headers={"Authorization": header}, timeout=120)
        assert answer.status_code == requests.codes.unauthorized


@given(st.text())
def test_no_text_is_an_answer(text):
    assert not Digest("", "").answers(text, "GET", "/")
    assert not Digest("", "").answers(f"Digest {text}", "GET", "/")


@pytest.mark.parametrize("header", ["", "Digest", "Digest nc=", 'Digest username="Default User"', "Basic eDp5"])
def test_invalid_answers_are_refused(url, header):
    answer = requests.get(url, headers={"Authorization": header}, timeout=120)
    assert answer.status_code == requests.codes.unauthorized


def test_an_unknown_nonce_is_refused(url):
    auth = HTTPDigestAuth("Default User", "robotics")
    requests.get(url, auth=auth, timeout=120)
    auth._thread_local.chal["nonce"] = "0" * 32
    answer = requests.get(url, headers={"Authorization": auth.build_digest_header("GET", url)}, timeout=120)
    assert answer.status_code == requests.codes.unauthorized


def test_there_are_at_most_seventy_sessions():
    with SimulatedController() as controller:
        url = f"{controller.url}/rw/panel/opmode?json=1"
        header = authorization(url)
        codes = [requests.get(url, headers={"Authorization": header}, timeout=120).status_code for _ in range(70)]
    assert codes == [requests.codes.ok] * 69 + [requests.codes.service_unavailable]
