"""Resources of Robot Web Services: requests, routes, and the states in their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from yumi_driver.sim_controller.refusal import invalid

State: TypeAlias = dict[str, object]
Resource: TypeAlias = "Callable[[Request], list[State] | None]"


@dataclass(frozen=True)
class Request:
    """Parameters of an HTTP request in its path, query and form."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, object]

    def argument(self, name: str) -> str:
        """Return a field of the form.

        Raises:
            Refusal: the field is missing.
        """
        value = self.form.get(name)
        if not isinstance(value, str):
            raise invalid(f"argument {name} is missing")
        return value


class Route(NamedTuple):
    """Path of a resource; resources that change something are distinguished by `action` in the query."""

    method: str
    path: str
    resource: Resource
    action: str = ""


def state(kind: str, title: str, /, **fields: object) -> State:
    """Return a state in the controller's JSON format."""
    return {"_type": kind, "_title": title, **fields}
