"""Lets operators take part in a run that is in progress on this machine."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

import rclpy

from fleet_bringup.display import has_display
from fleet_bringup.run_setup import FLEET_FILE
from fleet_cli.attach.attach import DISCOVERY_S, attach
from fleet_common.node import run as run_node
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from teleop_gui.station_node_base import is_served


def open_window(run: Path | None, human: str) -> None:
    """Open the window of this operator, and return when it is closed.

    Raises:
        InputError: there is no display, no such run is in progress, it has no such operator, or the operator is already taken.
    """
    if not has_display():
        raise InputError("DISPLAY: expected a display (--web serves browsers on other machines), got none.")
    folder = attach(run)
    operators = read_fleet(folder / FLEET_FILE).operator_names
    if human not in operators:
        raise InputError(
            f"--human: expected one of this run's operators ({', '.join(operators) or 'none'}), got {human!r}."
        )
    if _has_operator(human):
        raise InputError(f"--human: expected an operator without a person, got {human}, who has one already.")
    from teleop_gui.window_node import WindowNode

    run_node(WindowNode, args=_arguments(folder, human=human))


def serve_page(run: Path | None, host: str, port: int) -> None:
    """Serve the operators' web page until the process is stopped.

    Raises:
        InputError: no such run is in progress.
    """
    folder = attach(run)
    from teleop_gui.web_node import TOKEN, WebNode

    os.environ.setdefault(TOKEN, secrets.token_urlsafe())
    run_node(WebNode, args=_arguments(folder, host=host, port=port))


def _has_operator(human: str) -> bool:
    rclpy.init()
    node = rclpy.create_node("operator_check")
    try:
        deadline_s = time.monotonic() + DISCOVERY_S
        while time.monotonic() < deadline_s:
            if is_served(node, human):
                return True
            rclpy.spin_once(node, timeout_sec=0.05)
        return False
    finally:
        node.destroy_node()
        rclpy.shutdown()


def _arguments(folder: Path, **parameters: str | int) -> list[str]:
    assignments = [f"run_dir:={folder}", *(f"{name}:={value}" for name, value in parameters.items())]
    return ["--ros-args", *(word for assignment in assignments for word in ("-p", assignment))]
