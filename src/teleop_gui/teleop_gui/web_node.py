"""People's stations in browsers: everybody who logs in takes the place of one of the fleet's operators."""

from __future__ import annotations

import os
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NoReturn

from fleet_common.health import Check
from fleet_common.jpeg import to_jpeg
from fleet_common.node import run_process
from fleet_contract.validation import InputError
from teleop_gui.operator import VIDEO_S, Operator, Sight
from teleop_gui.operators import LOOK_HZ, OperatorsNode
from teleop_gui.screen import PHASE_COLOURS, draw_picture
from teleop_gui.station_health import empty_check
from teleop_gui.stations import is_served
from teleop_gui.web import Done, Login, Logout, WebServer

TOKEN = "FLEET_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable: what browsers must know. Parameters are for everybody to read."""
SHOW_EVERY = round(LOOK_HZ / 10)
"""Of the looks at what people do, those after which they are shown something."""
MOST_DONE = 100
"""Things that people have done and that are taken in one look."""
REMEMBERED = 100
"""Things shown whose time and lease are known."""
ABOUT_THE_ROBOT = {"r", "h"}
"""Keys that mean the robot which the person has."""
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - to be recognised


@dataclass
class Shown:
    """What one person was shown, by number: when, and under which lease."""

    number: int = 0
    past: OrderedDict[int, tuple[float, int]] = field(default_factory=OrderedDict)

    def add(self, token: int) -> int:
        """Something is shown under that lease; its number."""
        self.number += 1
        self.past[self.number] = time.monotonic(), token
        if len(self.past) > REMEMBERED:
            self.past.popitem(last=False)
        return self.number

    def age_s(self, number: int, token: int) -> float:
        """How old that is; infinitely, if it is forgotten or of another lease."""
        when_s, under = self.past.get(number, (float("-inf"), token))
        return time.monotonic() - when_s if under == token else float("inf")


class WebNode(OperatorsNode):
    """Serves the page.

    Raises:
        BadInput: the fleet has no operators, people cannot drive its robots, there is no token, or nobody can listen at
            the address.
    """

    def __init__(self) -> None:
        super().__init__("web")
        host = self.setting("host", "127.0.0.1", "Address to listen at; beyond this machine only with a token.")
        port = self.setting("port", 8088, "Port to listen at; 0 is a free one.")
        token = os.environ.get(TOKEN)
        if not token:
            raise InputError(f"{TOKEN}: found none, allowed is a secret that browsers must know.")
        humans = self.fleet.operator_names
        if not humans:
            raise InputError("supervisors.operators: found 0, allowed is 1 or more.")
        self._server = WebServer(host, port, token, humans)
        self._looks = 0
        self._shown: dict[str, Shown] = {}
        name = socket.gethostname() if host in EVERYWHERE else f"[{host}]" if ":" in host else host
        # Behind the #, because what is there stays in the browser.
        print(f"operators: http://{name}:{self._server.port}/#{token}", flush=True)

    def checks(self) -> Sequence[Check]:
        """See `FleetNode.checks`: of everybody who could be on the page."""
        away = [human for human in self.fleet.operator_names if human not in self.operators]
        return [*super().checks(), *map(empty_check, away)]

    def look(self) -> None:
        """See `OperatorsNode.look`."""
        for _ in range(min(self._server.events.qsize(), MOST_DONE)):
            self._take(self._server.events.get())
        self._looks += 1
        if self._looks % SHOW_EVERY == 0:
            for human, operator in self.operators.items():
                sight = operator.sight()
                number = self._shown[human].add(operator.token)
                self._server.show(human, _state(sight) | {"number": number}, self._picture(sight))

    def close(self) -> None:
        """Send everybody home."""
        self._server.close()

    def _take(self, event: Login | Logout | Done) -> None:
        if isinstance(event, Login):
            taken = is_served(self, event.human)
            if not taken:
                self.arrive(event.human)
                self._shown[event.human] = Shown()
            event.answer.set_result(f"{event.human} has an operator already." if taken else "")
        elif isinstance(event, Logout):
            self.leave(event.human)
        else:
            operator = self.operators[event.human]
            _do(operator, event, self._shown[event.human].age_s(event.input.shown, operator.token))

    def _picture(self, sight: Sight) -> bytes:
        return to_jpeg(draw_picture(sight, self._video.width, self._video.height)) if sight.robot else b""


def _do(operator: Operator, event: Done, age_s: float) -> None:
    """What moves a robot counts only if the person saw that robot just now; what stops it counts always."""
    done = event.input
    if done.hold is False:
        operator.release()
    if done.away:
        operator.point_away()
    if done.press and (done.press.lower() not in ABOUT_THE_ROBOT or isfinite(age_s)):
        operator.press(done.press)
    if age_s > VIDEO_S:
        return
    if done.point:
        operator.point(*done.point)
    if done.click:
        operator.click(*done.click)
    if done.hold:
        operator.hold()


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
