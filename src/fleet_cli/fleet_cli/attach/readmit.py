"""A person lets an absent robot move again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rclpy
from rclpy.client import Client
from std_srvs.srv import Trigger

from fleet_bringup.run_setup import FLEET_FILE
from fleet_cli.attach.attach import MEET_S, join
from fleet_cli.attach.service_call import ask
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import BadInput

ANSWER_S = 5.0


def resume(run: Path | None, robot: str) -> bool:
    """Want a robot back; says what becomes of it.

    Returns:
        Whether it is back, or on its way.

    Raises:
        BadInput: no such run is going on, it has no such robot, or the robot has never been absent.
    """
    names = read_fleet(join(run) / FLEET_FILE).robot_names
    if robot not in names:
        raise BadInput(f"ROBOT: found {robot!r}, allowed are this run's robots: {', '.join(names)}.")
    rclpy.init()
    node = rclpy.create_node("resume")
    try:
        client: Client[Any, Any] = node.create_client(Trigger, f"/{robot}/resume")
        if not client.wait_for_service(MEET_S):
            raise BadInput(f"ROBOT: found {robot}, allowed is one that is or was absent.")
        response = ask(node, client, ANSWER_S)
        print(f"{robot}: {response.message if response else 'its driver does not answer'}")
        return bool(response and response.success)
    finally:
        node.destroy_node()
        rclpy.shutdown()
