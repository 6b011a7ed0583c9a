"""The event log over Robot Web Services: `/rw/elog`."""

from __future__ import annotations

from yumi_driver.sim_controller.event_log import EventLog, LoggedEvent
from yumi_driver.sim_controller.resource import Request, Route, State, state


class ElogResources:
    """The common domain, 0, which holds all events."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def routes(self) -> list[Route]:
        """Return the routes of the event log."""
        return [Route("GET", "/rw/elog/0", self._messages)]

    def _messages(self, request: Request) -> list[State]:
        return [_message(event, texts="lang" in request.query) for event in self._log.newest_first()]


def _message(event: LoggedEvent, *, texts: bool) -> State:
    fields: dict[str, object] = {
        "msgtype": str(event.kind.severity.value),
        "code": str(event.kind.number),
        "tstamp": event.time.strftime("%Y-%m-%d T %H:%M:%S"),
        "argc": str(len(event.subjects)),
    }
    if event.subjects:
        fields["argv"] = [{"type": "string", "value": subject} for subject in event.subjects]
    if texts:
        description = ": ".join((event.kind.title, *event.subjects))
        fields |= {"title": event.kind.title, "desc": description, "conseqs": "", "causes": "", "actions": ""}
    return state("elog-message-li", f"/rw/elog/0/{event.sequence}", **fields)
