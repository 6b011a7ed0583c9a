"""Whatever happens to the link, the arms hold, and move again only after a person has readmitted them."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import asyncssh
import numpy as np
import pytest
from lab import HOLD, MOVE, PUSH_NA, TIMEOUT_S, TIMEOUTS, lab, wait_for, wait_for_step

from yumi_driver.sim_controller.event_log import EventKind
from yumi_driver.simulated.gateway import RATE_HZ, SPEED
from yumi_driver.simulated.ssh_server import sshd

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sshd() is None, reason="openssh-server is not installed"),
    pytest.mark.timeout(4 * TIMEOUT_S),
]
REACHABLE = ("", "")


@pytest.fixture
def place(tmp_path):
    with lab(tmp_path) as running:
        yield running


def agents(place):
    """Return the process IDs of the gateway's agents."""
    command = ["pgrep", "-f", f"yumi_driver.agent {place.gateway.cell_file}$"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def assert_moves_only_when_readmitted(place, driver):
    """The arms hold although the link is back; after a person has readmitted them, they move."""
    held = place.joints_deg_27
    wait_for(lambda: not driver._link.fault)
    for _ in range(3):
        driver.begin(MOVE, PUSH_NA)
        wait_for_step(driver)
    assert all(driver.unreachable())
    np.testing.assert_array_equal(place.joints_deg_27, held)
    for robot in range(2):
        assert not driver.readmit(robot)
    wait_for(lambda: driver.unreachable() == REACHABLE)
    before = wait_for_step(driver).states_NS
    driver.begin(MOVE, PUSH_NA)
    after = wait_for_step(driver).states_NS
    assert (np.abs(after - before).max(axis=1) > 0.005).all()


def test_another_host_key_than_the_pinned_one_is_refused(place):
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with place.started(host_key=other) as driver:
        wait_for(lambda: "another host key" in driver._link.fault)
        assert agents(place) == []
        assert driver.readmit(0) == "127.0.0.1 has another host key than the pinned one"
    assert place.log == ["gateway: 127.0.0.1 has another host key than the pinned one"]


def test_another_key_than_the_authorized_one_is_refused_by_the_gateway(place, tmp_path):
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "other")
    with place.started(key=str(tmp_path / "other")) as driver:
        wait_for(lambda: "does not accept key other" in driver._link.fault)
        assert agents(place) == []


def test_a_slow_link_is_used(place):
    place.proxy.delay_s = 0.08
    with place.started() as driver:
        before = wait_for_step(driver).states_NS
        assert driver.unreachable() == REACHABLE
        driver.begin(MOVE, PUSH_NA)
        assert (np.abs(wait_for_step(driver).states_NS - before).max(axis=1) > 0.005).all()
        assert driver.unreachable() == REACHABLE


def test_a_link_that_becomes_too_slow_is_lost(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.push_in_slow_motion(driver)
        place.proxy.delay_s = 1.2 * TIMEOUTS["late_s"]
        wait_for(lambda: all(driver.unreachable()))
        place.assert_push_interrupted()
        place.proxy.delay_s = 0.0
        assert_moves_only_when_readmitted(place, driver)


def test_an_interrupted_link_lets_the_arms_hold(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.push_in_slow_motion(driver)
        place.proxy.cut = True
        place.assert_push_interrupted()
        wait_for(lambda: all("silent" in reason for reason in driver.unreachable()))
        assert wait_for_step(driver) is not None, "the fleet does not wait for the arms"
        place.proxy.cut = False
        assert_moves_only_when_readmitted(place, driver)


def test_noise_on_the_line_ends_the_connection(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.push_in_slow_motion(driver)
        place.proxy.noise = True
        place.assert_push_interrupted()
        wait_for(lambda: all(driver.unreachable()))
        place.proxy.noise = False
        assert_moves_only_when_readmitted(place, driver)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_without_the_agent_the_controller_itself_stops_the_arms(place, ending):
    with place.started() as driver:
        wait_for_step(driver)
        place.push_in_slow_motion(driver)
        pids = agents(place)
        # Without an SSH server, no other agent takes over before the controller stops the arms.
        place.gateway.server.stop()
        for pid in pids:
            os.kill(pid, ending)
        with place.gateway.controller.held() as inside:
            ended = inside.clock.now
        place.assert_push_interrupted()
        wait_for(lambda: stop_times(place))
        # The agent's last message may have been sent but not received when it ended.
        timeout = timedelta(seconds=SPEED * TIMEOUTS["controller_timeout_s"] + 2 / RATE_HZ)
        assert min(stop_times(place)) - ended <= timeout
        wait_for(lambda: all(driver.unreachable()))
        for pid in pids if ending == signal.SIGSTOP else ():
            os.kill(pid, signal.SIGKILL)
        place.gateway.server.start()
        assert_moves_only_when_readmitted(place, driver)


def stop_times(place):
    """Return the times on the controller's clock at which it stopped because the agent was silent."""
    with place.gateway.controller.held() as inside:
        return [event.time for event in inside.log.newest_first() if event.kind is EventKind.SENSOR_SILENT]


def test_an_emergency_stop_at_the_robot_is_reset_at_the_robot(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.push_in_slow_motion(driver)
        with place.gateway.controller.held() as inside:
            held = inside.arms["ROB_L"].joints_deg_7
            inside.panel.press_emergency_stop()
        place.assert_push_interrupted()
        np.testing.assert_array_equal(place.joints_deg_27[0], held)
        wait_for(lambda: all(driver.unreachable()))
        assert not driver.readmit(0)
        wait_for(lambda: "reset it at the robot" in driver.unreachable()[0])
        with place.gateway.controller.held() as inside:
            inside.panel.release_emergency_stop()
            inside.panel.reset_emergency_stop()
        assert_moves_only_when_readmitted(place, driver)


def test_a_stop_interrupts_a_push(place):
    with place.started() as driver:
        wait_for_step(driver)
        place.push_in_slow_motion(driver)
        driver.stop()
        place.assert_push_interrupted()
        assert driver.unreachable() == REACHABLE
        held = place.joints_deg_27
        driver.begin(HOLD, PUSH_NA)
        wait_for_step(driver)
        np.testing.assert_array_equal(place.joints_deg_27, held)


def test_other_output_of_a_gateway_is_refused(place):
    keys = place.gateway.server.key.parent / "authorized_keys"
    restricted, _, key = keys.read_text().partition('" ')
    assert restricted
    keys.write_text(f'restrict,command="echo welcome to the machine; sleep 5" {key}')
    with place.started() as driver:
        wait_for(lambda: "expected the beginning of a frame" in driver._link.fault)
        assert "welcome" in driver._link.fault


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "expected the beginning of a frame"),
        (b"YU\x09\x02" + bytes(8), "expected protocol version 2, got 9"),
        (b"YU\x02\x02" + b"\xff" * 8, "bytes, got 4294967295"),
        (b"YU\x02\x02" + bytes(8), "checksum"),
    ],
)
def test_an_agent_exits_at_invalid_bytes(place, sent, message):
    command = [sys.executable, "-m", "yumi_driver.agent", str(place.gateway.cell_file)]
    done = subprocess.run(command, input=sent, capture_output=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert message in done.stderr.decode()
    assert not done.stdout


def test_an_agent_exits_when_the_fleet_is_silent(place):
    # A shell starts background processes with SIGINT ignored, by which the agent ends itself.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    command += [sys.executable, "-m", "yumi_driver.agent", str(place.gateway.cell_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as agent:
        assert agent.wait(timeout=TIMEOUT_S) != 0
        assert "the fleet is silent: the agent ends" in agent.stderr.read().decode()
