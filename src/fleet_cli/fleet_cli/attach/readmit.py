"""A person lets an unreachable robot move again."""

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
from fleet_contract.validation import InputError

ANSWER_S = 5.0


def readmit(run: Path | None, robot: str) -> bool:
    """Want a robot back; says what becomes of it.

    Returns:
        Whether it is back, or on its way.

    Raises:
        BadInput: no such run is going on, it has no such robot, or the robot has never been unreachable.
    """
    names = read_fleet(attach(run) / FLEET_FILE).robot_names
    if robot not in names:
        raise InputError(f"ROBOT: found {robot!r}, allowed are this run's robots: {', '.join(names)}.")
    rclpy.init()
    node = rclpy.create_node("readmit")
    try:
        client: Client[Any, Any] = node.create_client(Trigger, f"/{robot}/readmit")
        if not client.wait_for_service(DISCOVERY_S):
            raise InputError(f"ROBOT: found {robot}, allowed is one that is or was unreachable.")
        response = call_until_answered(node, client, ANSWER_S)
        print(f"{robot}: {response.message if response else 'its driver does not answer'}")
        return bool(response and response.success)
    finally:
        node.destroy_node()
        rclpy.shutdown()
