"""The I/O system over Robot Web Services: `/rw/iosystem`."""

from __future__ import annotations

from yumi_driver.sim_controller.panel import OperationMode, OperatorPanel
from yumi_driver.sim_controller.rapid_value import format_num
from yumi_driver.sim_controller.refusal import invalid, rejected
from yumi_driver.sim_controller.resource import Request, Route, State, state
from yumi_driver.sim_controller.signals import Signals

_SIGNAL = "/rw/iosystem/signals/{network}/{device}/{signal}"


class IoResources:
    """Reads and sets signals."""

    def __init__(self, panel: OperatorPanel, signals: Signals) -> None:
        self._panel = panel
        self._signals = signals

    def routes(self) -> list[Route]:
        """Return the routes of signals."""
        return [Route("GET", _SIGNAL, self._signal), Route("POST", _SIGNAL, self._set_signal, "set")]

    def _signal(self, request: Request) -> list[State]:
        path = _path(request)
        signal = self._signals[path]
        return [
            state(
                "ios-signal",
                path,
                name=request.path["signal"],
                type=signal.type,
                category="",
                lvalue=format_num(signal.value),
                lstate="not simulated",
            )
        ]

    def _set_signal(self, request: Request) -> None:
        signal = self._signals[_path(request)]
        if self._panel.mode is not OperationMode.AUTOMATIC:
            raise rejected("in manual mode the pendant has not granted access")
        if request.form.get("mode", "value") != "value":
            raise invalid(f"mode {request.form['mode']} is not simulated")
        signal.write(request.argument("lvalue"))


def _path(request: Request) -> str:
    return "/".join(request.path[part] for part in ("network", "device", "signal"))
