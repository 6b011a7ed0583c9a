"""Services of a fleet whose nodes may be started again at any time."""

from __future__ import annotations

import time
from typing import Any

import rclpy
from rclpy.client import Client
from rclpy.node import Node
from std_srvs.srv import Trigger

AGAIN_S = 1.0


def call_until_answered(node: Node, client: Client[Any, Any], patience_s: float) -> Trigger.Response | None:
    """Call a service, and call it again every `AGAIN_S`, until it answers.

    A node that was killed is taken for present and ready for up to 20 s, and what is asked in that time may reach nobody.

    Returns:
        The answer; None if there was none within `patience_s`.
    """
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        answer = client.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(node, answer, timeout_sec=AGAIN_S)
        if answer.done():
            return answer.result()
        client.remove_pending_request(answer)
    return None
