"""Operators of a fleet that runs on this machine already."""

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
from teleop_gui.stations import is_served


def open_window(run: Path | None, human: str) -> None:
    """Open a window for this operator, until it is closed.

    Raises:
        BadInput: there is no screen, no such run is going on, or the operator's place is taken.
    """
    if not has_display():
        raise InputError("DISPLAY: found none, allowed is a screen, or --web for a browser on another machine.")
    folder = attach(run)
    operators = read_fleet(folder / FLEET_FILE).operator_names
    if human not in operators:
        raise InputError(
            f"--human: found {human!r}, allowed are this run's operators: {', '.join(operators) or 'none'}."
        )
    if _has_operator(human):
        raise InputError(f"--human: found {human}, who has an operator already.")
    from teleop_gui.window_node import WindowNode

    run_node(WindowNode, args=_arguments(folder, human=human))


def serve_page(run: Path | None, host: str, port: int) -> None:
    """Serve the page for browsers, until it is stopped.

    Raises:
        BadInput: no such run is going on.
    """
    folder = attach(run)
    from teleop_gui.web_node import TOKEN, WebNode

    os.environ.setdefault(TOKEN, secrets.token_urlsafe())
    run_node(WebNode, args=_arguments(folder, host=host, port=port))


def _has_operator(human: str) -> bool:
    rclpy.init()
    node = rclpy.create_node("newcomer")
    try:
        end = time.monotonic() + DISCOVERY_S
        while time.monotonic() < end:
            if is_served(node, human):
                return True
            rclpy.spin_once(node, timeout_sec=0.05)
        return False
    finally:
        node.destroy_node()
        rclpy.shutdown()


def _arguments(folder: Path, **parameters: str | int) -> list[str]:
    words = [f"run_dir:={folder}", *(f"{name}:={value}" for name, value in parameters.items())]
    return ["--ros-args", *(word for parameter in words for word in ("-p", parameter))]
