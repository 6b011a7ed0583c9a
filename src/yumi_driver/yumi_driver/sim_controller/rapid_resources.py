"""RAPID over Robot Web Services: `/rw/rapid`."""

from __future__ import annotations

from yumi_driver.sim_controller.controller import Controller
from yumi_driver.sim_controller.panel import OperationMode
from yumi_driver.sim_controller.rapid import Cycle
from yumi_driver.sim_controller.refusal import invalid, rejected
from yumi_driver.sim_controller.resource import Request, Route, State, state

_EXECUTION = "/rw/rapid/execution"
_TASK = "/rw/rapid/tasks/{task}"
_SYMBOL = "/rw/rapid/symbol/data/RAPID/{symbol:.+?}"
_START_ARGUMENTS = ("regain", "execmode", "condition", "stopatbp", "alltaskbytsp")


class RapidResources:
    """Controls execution and tasks, and reads and sets persistent variables."""

    def __init__(self, controller: Controller) -> None:
        self._panel = controller.panel
        self._rapid = controller.rapid
        self._data = controller.data

    def routes(self) -> list[Route]:
        """Return the routes of RAPID."""
        return [
            Route("GET", _EXECUTION, self._execution),
            Route("POST", _EXECUTION, self._start, "start"),
            Route("POST", _EXECUTION, self._stop, "stop"),
            Route("POST", _EXECUTION, self._reset_pointers, "resetpp"),
            Route("GET", "/rw/rapid/tasks", self._tasks),
            Route("POST", _TASK, self._activate, "activate"),
            Route("POST", _TASK, self._deactivate, "deactivate"),
            Route("GET", _SYMBOL, self._value),
            Route("POST", _SYMBOL, self._set_value, "set"),
        ]

    def _execution(self, _: Request) -> list[State]:
        running = "running" if self._rapid.runs else "stopped"
        return [state("rap-execution", "execution", ctrlexecstate=running, cycle=self._rapid.cycle)]

    def _start(self, request: Request) -> None:
        for name in _START_ARGUMENTS:
            request.argument(name)  # required, but without effect on this program
        try:
            cycle = Cycle(request.argument("cycle"))
        except ValueError:
            raise invalid(f"cycle {request.argument('cycle')} is unknown") from None
        self._rapid.start(cycle)

    def _stop(self, _: Request) -> None:
        self._rapid.stop()

    def _reset_pointers(self, _: Request) -> None:
        self._rapid.reset_pointers()

    def _tasks(self, _: Request) -> list[State]:
        return [
            state(
                "rap-task-li",
                task.name,
                name=task.name,
                type="norm",
                taskstate="linked",
                excstate=task.state,
                active="On" if task.active else "Off",
                motiontask="TRUE",
            )
            for task in self._rapid.tasks.values()
        ]

    def _activate(self, request: Request) -> None:
        self._rapid.activate(request.path["task"], active=True)

    def _deactivate(self, request: Request) -> None:
        self._rapid.activate(request.path["task"], active=False)

    def _value(self, request: Request) -> list[State]:
        symbol = request.path["symbol"]
        return [state("rap-data", f"RAPID/{symbol}", value=self._data[symbol])]

    def _set_value(self, request: Request) -> None:
        if self._panel.mode is not OperationMode.AUTOMATIC:
            raise rejected("in manual mode the pendant has not granted access")
        self._data[request.path["symbol"]] = request.argument("value")
