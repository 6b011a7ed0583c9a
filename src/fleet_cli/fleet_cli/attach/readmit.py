"""Readmits an unreachable robot to a run, on behalf of a person who checked that it may move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rclpy
from rclpy.client import Client
from std_srvs.srv import Trigger

from fleet_bringup.run_setup import FLEET_FILE
from fleet_cli.attach.attach import DISCOVERY_S, attach
from fleet_cli.attach.service_call import call_until_answered
from fleet_contract.fleet import read_fleet
from fleet_contract.topics import READMIT_SERVICE
from fleet_contract.validation import InputError

ANSWER_S = 5.0
"""Time within which a robot driver answers, s."""


def readmit(run: Path | None, robot: str) -> bool:
    """Readmit a robot, and print the answer of its driver.

    Returns:
        Whether the robot is readmitted, or will be as soon as it is reachable.

    Raises:
        InputError: no such run is in progress, it has no such robot, or the robot has never been unreachable.
    """
    names = read_fleet(attach(run) / FLEET_FILE).robot_names
    if robot not in names:
        raise InputError(f"ROBOT: expected one of this run's robots ({', '.join(names)}), got {robot!r}.")
    rclpy.init()
    node = rclpy.create_node("readmit")
    try:
        client: Client[Any, Any] = node.create_client(Trigger, f"/{robot}/{READMIT_SERVICE}")
        if not client.wait_for_service(DISCOVERY_S):
            raise InputError(f"ROBOT: expected a robot that is or was unreachable, got {robot}.")
        response = call_until_answered(node, client, ANSWER_S)
        print(f"{robot}: {response.message if response else 'the driver does not answer'}")
        return bool(response and response.success)
    finally:
        node.destroy_node()
        rclpy.shutdown()
