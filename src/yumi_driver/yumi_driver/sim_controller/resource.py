"""Resources of Robot Web Services: what a request asks of them, and the states that they answer with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from yumi_driver.sim_controller.refusal import invalid

State: TypeAlias = dict[str, object]
Resource: TypeAlias = "Callable[[Request], list[State] | None]"


@dataclass(frozen=True)
class Request:
    """What the path, the query and the form of an HTTP request say."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, object]

    def argument(self, name: str) -> str:
        """A field of the form.

        Raises:
            Refusal: the form does not have it.
        """
        value = self.form.get(name)
        if not isinstance(value, str):
            raise invalid(f"argument {name} is missing")
        return value


class Route(NamedTuple):
    """Where a resource is found; those that change something are told apart by `action` in the query."""

    method: str
    path: str
    resource: Resource
    action: str = ""


def state(kind: str, title: str, /, **fields: object) -> State:
    """A state as the controller represents it in JSON."""
    return {"_type": kind, "_title": title, **fields}
