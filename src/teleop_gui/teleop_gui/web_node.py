"""Operators' stations in browsers: every person who joins becomes one of the fleet's operators."""

from __future__ import annotations

import os
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NoReturn

from typing_extensions import override

from fleet_common.health import Check
from fleet_common.jpeg import to_jpeg
from fleet_common.node import run_process
from fleet_contract.validation import InputError
from teleop_gui.operator import VIDEO_S, Operator, OperatorView
from teleop_gui.operator_node_base import UPDATE_HZ, OperatorNodeBase
from teleop_gui.screen import PHASE_COLOURS, draw_picture
from teleop_gui.station_health import offline_check
from teleop_gui.station_node_base import is_served
from teleop_gui.web_server import InputEvent, Login, Logout, WebServer

TOKEN = "FLEET_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable with the secret that browsers must send. Everybody could read it in a parameter."""
UPDATES_PER_STATE = round(UPDATE_HZ / 10)
"""Number of updates after which a new state is sent to the browsers."""
MAX_EVENTS = 100
"""Largest number of events that are handled in one update."""
STORED_STATES = 100
"""Number of sent states whose time and lease are stored."""
ROBOT_KEYS = {"r", "h", "d"}
"""Keys that refer to the operator's robot."""
ALL_INTERFACES = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not listened at


@dataclass
class SentStates:
    """Time and lease of the states sent to one operator, by number."""

    number: int = 0
    sent: OrderedDict[int, tuple[float, int]] = field(default_factory=OrderedDict)

    def add(self, token: int) -> int:
        """Add a state that is sent under the lease with this token, and return its number."""
        self.number += 1
        self.sent[self.number] = time.monotonic(), token
        if len(self.sent) > STORED_STATES:
            self.sent.popitem(last=False)
        return self.number

    def age_s(self, number: int, token: int) -> float:
        """Return the age of a state in s; infinite if it is no longer stored or was sent under another lease."""
        sent_s, state_token = self.sent.get(number, (float("-inf"), token))
        return time.monotonic() - sent_s if state_token == token else float("inf")


class WebNode(OperatorNodeBase):
    """Serves the operators' page.

    Raises:
        InputError: the fleet has no operators, people cannot drive its robots, there is no token, or the server cannot
            listen at the address.
    """

    def __init__(self) -> None:
        super().__init__("web")
        host = self.read_only_parameter("host", "127.0.0.1", "Address to listen at; 0.0.0.0 listens on all interfaces.")
        port = self.read_only_parameter("port", 8088, "Port to listen at; 0 selects a free one.")
        token = os.environ.get(TOKEN)
        if not token:
            raise InputError(f"{TOKEN}: expected a secret that browsers must send, got none.")
        humans = self.fleet.operator_names
        if not humans:
            raise InputError("supervisors.operators: expected 1 or more, got 0.")
        self._server = WebServer(host, port, token, humans)
        self._update_count = 0
        self._states: dict[str, SentStates] = {}
        name = socket.gethostname() if host in ALL_INTERFACES else f"[{host}]" if ":" in host else host
        # The token is in the fragment, because browsers do not send fragments.
        print(f"operators: http://{name}:{self._server.port}/#{token}", flush=True)

    @override
    def checks(self) -> Sequence[Check]:
        offline = [human for human in self.fleet.operator_names if human not in self.operators]
        return [*super().checks(), *map(offline_check, offline)]

    @override
    def update(self) -> None:
        for _ in range(min(self._server.events.qsize(), MAX_EVENTS)):
            self._handle(self._server.events.get())
        self._update_count += 1
        if self._update_count % UPDATES_PER_STATE == 0:
            for human, operator in self.operators.items():
                view = operator.view()
                number = self._states[human].add(operator.token)
                futures = view.futures.jpeg if view.futures else b""
                self._server.show(human, _state(view) | {"number": number}, self._picture(view), futures)

    @override
    def close(self) -> None:
        self._server.close()

    def _handle(self, event: Login | Logout | InputEvent) -> None:
        if isinstance(event, Login):
            occupied = is_served(self, event.human)
            if not occupied:
                self.add_operator(event.human)
                self._states[event.human] = SentStates()
            event.answer.set_result(f"{event.human} has already joined." if occupied else "")
        elif isinstance(event, Logout):
            self.remove_operator(event.human)
        else:
            operator = self.operators[event.human]
            _apply(operator, event, self._states[event.human].age_s(event.input.shown, operator.token))

    def _picture(self, view: OperatorView) -> bytes:
        return to_jpeg(draw_picture(view, self._video.width, self._video.height)) if view.robot else b""


def _apply(operator: Operator, event: InputEvent, age_s: float) -> None:
    """Apply input. Input that moves a robot needs a recent state of that robot; input that stops it does not."""
    message = event.input
    if message.hold is False:
        operator.release()
    if message.away:
        operator.point_away()
    if message.press and (message.press.lower() not in ROBOT_KEYS or isfinite(age_s)):
        operator.press(message.press)
    if age_s > VIDEO_S:
        return
    if message.point:
        operator.point(*message.point)
    if message.click:
        operator.click(*message.click)
    if message.hold:
        operator.hold()


def _state(view: OperatorView) -> dict[str, Any]:
    """Return the texts and numbers of the page; None for numbers that are not finite, which JSON cannot express."""
    return {
        "phase": view.phase.name,
        "status": view.phase.value,
        "hint": view.hint,
        "colour": PHASE_COLOURS[view.phase],
        "robot": view.robot,
        "kind": view.kind.name,
        "uncertainty": view.uncertainty if isfinite(view.uncertainty) else None,
        "reason": view.reason,
        "question": view.question,
        "threshold": view.threshold if isfinite(view.threshold) else None,
        "waiting": view.waiting,
        "seconds": round(view.seconds),
        "ticks": view.ticks,
        "held": view.held,
        "clipped": bool(view.aim and view.aim.clipped),
    }


def main() -> NoReturn:
    """Run the node."""
    run_process(WebNode)
