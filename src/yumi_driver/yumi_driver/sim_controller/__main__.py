"""`python -m yumi_driver.sim_controller`: runs a simulated controller in real time until it is interrupted."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from yumi_driver.sim_controller.egm_session import Guidance
from yumi_driver.sim_controller.simulated_controller import SimulatedController


def main(
    http_port: Annotated[int, typer.Option(help="TCP port of Robot Web Services; 0 selects a free one.")] = 0,
    left_port: Annotated[int, typer.Option(help="UDP port of the left arm's sensor.")] = 6511,
    right_port: Annotated[int, typer.Option(help="UDP port of the right arm's sensor.")] = 6512,
    guidance: Annotated[Guidance, typer.Option(help="Whether sensors guide joints or poses.")] = Guidance.JOINT,
) -> None:
    """Simulate an ABB IRC5 controller with a YuMi on this machine, until interrupted."""
    # Block the signals before threads are created, so that only this thread receives them.
    end_signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, end_signals)
    ports = {"ROB_L": left_port, "ROB_R": right_port}
    with SimulatedController(http_port=http_port, egm_ports=ports, guidance=guidance) as controller:
        print(f"Robot Web Services: {controller.url}", flush=True)
        for unit, port in controller.egm_ports.items():
            print(f"EGM of {unit}: to UDP port {port}", flush=True)
        signal.sigwait(end_signals)


if __name__ == "__main__":
    typer.run(main)
