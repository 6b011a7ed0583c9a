"""Whatever happens to the link, the arms hold in time, and nothing but a person lets them move again."""

import os
import signal
import subprocess
import sys

import asyncssh
import numpy as np
import pytest
from lab import HOLD, MOVE, PUSH_NA, lab, wait_for, wait_for_step

from yumi_driver.simulated.ssh_server import sshd

pytestmark = pytest.mark.skipif(sshd() is None, reason="openssh-server is not installed")
SILENCE_S, BUSY_MACHINE_S = 0.2, 0.25
BOTH_THERE = ("", "")


@pytest.fixture
def place(tmp_path):
    with lab(tmp_path) as made:
        yield made


def agents(place):
    """Processes of the gateway's agent."""
    command = ["pgrep", "-f", f"yumi_driver.agent {place.gateway.cell_file}$"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def assert_comes_back_only_when_resumed(place, driver):
    """The arms stay where they are though the link is there again; a person lets them move."""
    stood = place.joints_deg_27
    wait_for(lambda: not driver._link.fault)
    for _ in range(3):
        driver.begin(MOVE, PUSH_NA)
        wait_for_step(driver)
    assert all(driver.unreachable())
    np.testing.assert_array_equal(place.joints_deg_27, stood)
    for robot in range(2):
        assert not driver.resume(robot)
    wait_for(lambda: driver.unreachable() == BOTH_THERE)
    before = wait_for_step(driver).states_NS
    driver.begin(MOVE, PUSH_NA)
    after = wait_for_step(driver).states_NS
    assert (np.abs(after - before).max(axis=1) > 0.005).all()


def test_another_host_key_than_the_pinned_one_is_refused(place):
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with place.started(host_key=other) as driver:
        wait_for(lambda: "another host key" in driver._link.fault)
        assert agents(place) == []
        assert driver.resume(0) == "127.0.0.1 has another host key than the pinned one"
    assert place.said == ["gateway: 127.0.0.1 has another host key than the pinned one"]


def test_another_key_than_the_authorized_one_does_not_open_the_gateway(place, tmp_path):
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "other")
    with place.started(key=str(tmp_path / "other")) as driver:
        wait_for(lambda: "does not accept key other" in driver._link.fault)
        assert agents(place) == []


def test_a_slow_link_is_used(place):
    place.proxy.delay_s = 0.08
    with place.started() as driver:
        before = wait_for_step(driver).states_NS
        assert driver.unreachable() == BOTH_THERE
        driver.begin(MOVE, PUSH_NA)
        assert (np.abs(wait_for_step(driver).states_NS - before).max(axis=1) > 0.005).all()
        assert driver.unreachable() == BOTH_THERE


def test_a_link_that_becomes_too_slow_is_lost(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.move_until_under_way(driver)
        place.proxy.delay_s = 0.6
        wait_for(lambda: all(driver.unreachable()))
        assert place.seconds_until_still() < SILENCE_S + BUSY_MACHINE_S
        place.proxy.delay_s = 0.0
        assert_comes_back_only_when_resumed(place, driver)


def test_a_cut_link_lets_the_arms_hold(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.move_until_under_way(driver)
        place.proxy.cut = True
        assert place.seconds_until_still() < SILENCE_S + BUSY_MACHINE_S
        assert all("silent" in why for why in driver.unreachable())
        assert wait_for_step(driver) is not None, "the fleet is not kept waiting"
        place.proxy.cut = False
        assert_comes_back_only_when_resumed(place, driver)


def test_noise_on_the_line_ends_the_connection(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.move_until_under_way(driver)
        place.proxy.noise = True
        assert place.seconds_until_still() < SILENCE_S + BUSY_MACHINE_S
        wait_for(lambda: all(driver.unreachable()))
        place.proxy.noise = False
        assert_comes_back_only_when_resumed(place, driver)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_without_the_agent_the_controller_itself_stops_the_arms(place, ending):
    with place.started() as driver:
        wait_for_step(driver)
        place.move_until_under_way(driver)
        pids = agents(place)
        for pid in pids:
            os.kill(pid, ending)
        assert place.seconds_until_still() < SILENCE_S + BUSY_MACHINE_S
        wait_for(lambda: all(driver.unreachable()))
        for pid in pids if ending == signal.SIGSTOP else ():
            os.kill(pid, signal.SIGKILL)
        assert_comes_back_only_when_resumed(place, driver)


def test_an_emergency_stop_at_the_robot_is_cleared_at_the_robot(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.move_until_under_way(driver)
        with place.gateway.controller.held() as inside:
            inside.panel.press_emergency_stop()
        assert place.seconds_until_still() < SILENCE_S + BUSY_MACHINE_S
        wait_for(lambda: all(driver.unreachable()))
        driver.resume(0)
        wait_for(lambda: "clear it at the robot" in driver.unreachable()[0])
        with place.gateway.controller.held() as inside:
            inside.panel.release_emergency_stop()
            inside.panel.reset_emergency_stop()
        assert_comes_back_only_when_resumed(place, driver)


def test_a_stop_ends_a_push_at_once(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.move_until_under_way(driver)
        driver.stop()
        assert place.seconds_until_still() < BUSY_MACHINE_S
        assert driver.unreachable() == BOTH_THERE
        driver.begin(HOLD, PUSH_NA)
        stood = place.joints_deg_27
        wait_for_step(driver)
        np.testing.assert_array_equal(place.joints_deg_27, stood)


def test_a_gateway_that_speaks_something_else_is_not_listened_to(place):
    keys = place.gateway.server.key.parent / "authorized_keys"
    restricted, _, key = keys.read_text().partition('" ')
    assert restricted
    keys.write_text(f'restrict,command="echo welcome to the machine; sleep 5" {key}')
    with place.started() as driver:
        wait_for(lambda: "where a frame should begin" in driver._link.fault)
        assert "welcome" in driver._link.fault


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "where a frame should begin"),
        (b"YU\x09\x02" + bytes(8), "found version 9 of the protocol, allowed is 1"),
        (b"YU\x01\x02" + b"\xff" * 8, "found a frame of 4294967295 bytes"),
        (b"YU\x01\x02" + bytes(8), "checksum"),
    ],
)
def test_an_agent_that_hears_garbage_ends(place, sent, says):
    command = [sys.executable, "-m", "yumi_driver.agent", str(place.gateway.cell_file)]
    done = subprocess.run(command, input=sent, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert says in done.stderr.decode()
    assert not done.stdout


def test_an_agent_ends_when_nobody_is_heard(place):
    # As a shell starts what it does not wait for: the signal by which the agent ends itself is ignored at first.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    command += [sys.executable, "-m", "yumi_driver.agent", str(place.gateway.cell_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as agent:
        assert agent.wait(timeout=30) != 0
        assert "nobody is heard any more" in agent.stderr.read().decode()
