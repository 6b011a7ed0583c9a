"""The panel over Robot Web Services: `/rw/panel`."""

from __future__ import annotations

from yumi_driver.sim_controller.panel import ControllerState, OperatorPanel
from yumi_driver.sim_controller.refusal import invalid
from yumi_driver.sim_controller.resource import Request, Route, State, state


class PanelResources:
    """Reads and sets the controller state, and reads the operation mode."""

    def __init__(self, panel: OperatorPanel) -> None:
        self._panel = panel

    def routes(self) -> list[Route]:
        """Return the routes of the panel."""
        return [
            Route("GET", "/rw/panel/ctrlstate", self._controller_state),
            Route("POST", "/rw/panel/ctrlstate", self._set_controller_state, "setctrlstate"),
            Route("GET", "/rw/panel/opmode", self._operation_mode),
        ]

    def _controller_state(self, _: Request) -> list[State]:
        return [state("pnl-ctrlstate", "ctrlstate", ctrlstate=self._panel.state)]

    def _set_controller_state(self, request: Request) -> None:
        match request.argument("ctrl-state"):
            case ControllerState.MOTORS_ON:
                self._panel.motors_on()
            case ControllerState.MOTORS_OFF:
                self._panel.motors_off()
            case other:
                raise invalid(f"ctrl-state {other} cannot be set")

    def _operation_mode(self, _: Request) -> list[State]:
        return [state("pnl-opmode", "opmode", opmode=self._panel.mode)]
