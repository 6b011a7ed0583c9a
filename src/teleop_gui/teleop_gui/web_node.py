"""People's stations in browsers: everybody who logs in takes the place of one of the fleet's operators."""

from __future__ import annotations

import os
from math import isfinite
from typing import Any, NoReturn

from fleet_contract.door import BadInput
from fleet_contract.jpeg import to_jpeg
from fleet_contract.ros import run_process
from teleop_gui.operator import Operator, Sight
from teleop_gui.operators import LOOK_HZ, OperatorsNode
from teleop_gui.screen import PHASE_COLOURS, draw_picture
from teleop_gui.web import Done, Login, Logout, WebServer

TOKEN = "FLEET_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable: what browsers must know. Parameters are for everybody to read."""
SHOW_EVERY = round(LOOK_HZ / 10)
"""Of the looks at what people do, those after which they are shown something."""


class WebNode(OperatorsNode):
    """Serves the page.

    Raises:
        BadInput: the fleet has no operators, people cannot drive its robots, or nobody can listen at the address.
    """

    def __init__(self) -> None:
        super().__init__("web")
        host = self.setting("host", "127.0.0.1", "Address to listen at; beyond this machine only with a token.")
        port = self.setting("port", 8088, "Port to listen at; 0 is a free one.")
        token = os.environ.get(TOKEN, "")
        humans = self.fleet.operator_names
        if not humans:
            raise BadInput("supervisors.operators: found 0, allowed is 1 or more.")
        self._server = WebServer(host, port, token, humans)
        self._looks = 0
        # Behind the #, because what is there stays in the browser.
        secret = f"#{token}" if token else ""
        print(f"operators: http://{host}:{self._server.port}/{secret}", flush=True)

    def look(self) -> None:
        """See `OperatorsNode.look`."""
        while not self._server.events.empty():
            self._take(self._server.events.get())
        self._looks += 1
        if self._looks % SHOW_EVERY == 0:
            for human, operator in self.operators.items():
                sight = operator.sight()
                self._server.show(human, _state(sight), self._picture(sight))

    def close(self) -> None:
        """Send everybody home."""
        self._server.close()

    def _take(self, event: Login | Logout | Done) -> None:
        if isinstance(event, Login):
            taken = self.count_services(f"/{event.human}/supervise/_action/send_goal") > 0
            if not taken:
                self.arrive(event.human)
            event.answer.set_result(f"{event.human} has an operator already." if taken else "")
        elif isinstance(event, Logout):
            self.leave(event.human)
        else:
            _do(self.operators[event.human], event)

    def _picture(self, sight: Sight) -> bytes:
        return to_jpeg(draw_picture(sight, self._video.width, self._video.height)) if sight.robot else b""


def _do(operator: Operator, event: Done) -> None:
    done = event.input
    if done.point:
        operator.point(*done.point)
    if done.click:
        operator.click(*done.click)
    if done.hold is not None:
        (operator.hold if done.hold else operator.release)()
    if done.press:
        operator.press(done.press)


def _state(sight: Sight) -> dict[str, Any]:
    """What the page writes beside the picture; JSON knows no number that is not finite."""
    return {
        "phase": sight.phase.name,
        "says": sight.phase.value,
        "hint": sight.hint,
        "colour": PHASE_COLOURS[sight.phase],
        "robot": sight.robot,
        "kind": sight.kind.name,
        "uncertainty": sight.uncertainty if isfinite(sight.uncertainty) else None,
        "threshold": sight.threshold if isfinite(sight.threshold) else None,
        "waiting": sight.waiting,
        "seconds": round(sight.seconds),
        "ticks": sight.ticks,
        "held": sight.held,
        "shortened": bool(sight.aim and sight.aim.shortened),
    }


def main() -> NoReturn:
    """Run the node."""
    run_process(WebNode)
