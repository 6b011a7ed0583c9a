import os
import signal
import subprocess
import sys

from abb_robot_client.egm import EGM
from abb_robot_client.rws import RWS
from sim_station import TASKS

from yumi_driver.sim_controller.egm_link import free_udp_ports

COMMAND = [sys.executable, "-W", "error", "-m", "yumi_driver.sim_controller"]


def test_help_describes_the_options():
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True, env=os.environ)
    assert "IRC5" in done.stdout
    assert "--http-port" in done.stdout


def test_it_serves_until_it_is_interrupted():
    with free_udp_ports(2) as (left, right):
        pass
    command = [*COMMAND, "--left-port", str(left), "--right-port", str(right)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline().strip() for _ in range(3)]
            assert lines[1:] == [f"EGM of ROB_L: to UDP port {left}", f"EGM of ROB_R: to UDP port {right}"]
            sensor, rws = EGM(left), RWS(lines[0].removeprefix("Robot Web Services: "))
            rws.set_controller_state("motoron")
            rws.start("forever", TASKS)
            assert sensor.receive_from_robot(120)[0]
            rws.close()
            sensor.close()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
        assert process.stderr.read() == ""
