"""Calls services of nodes that may be restarted at any time."""

from __future__ import annotations

import time
from typing import Any

import rclpy
from rclpy.client import Client
from rclpy.node import Node
from std_srvs.srv import Trigger

RETRY_S = 1.0
"""Time after which an unanswered call is repeated, s."""


def call_until_answered(node: Node, client: Client[Any, Any], timeout_s: float) -> Trigger.Response | None:
    """Call a service, and repeat the call every `RETRY_S`, until it answers.

    For up to 20 s after a node was killed, its service seems to be available, and a call in that time may get no answer.

    Returns:
        The answer; None if there was none within `timeout_s`.
    """
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        answer = client.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(node, answer, timeout_sec=RETRY_S)
        if answer.done():
            return answer.result()
        client.remove_pending_request(answer)
    return None
