"""Describes a node of a run: its executable and its parameters."""

from __future__ import annotations

from dataclasses import dataclass

Parameter = str | int | float | bool | list[str]


@dataclass(frozen=True)
class NodeSpec:
    """A node, which runs as a process of its own."""

    package: str
    executable: str
    name: str
    parameters: dict[str, Parameter]
    needed: bool = False
    """Whether the run ends when this node exits."""
    closable: bool = False
    """Whether a person may close this node, which then is not restarted."""
    serves_robots: bool = False
    """Whether this node stops robots when it exits, and so must exit before the recorder."""
    namespace: str = ""

    @property
    def full_name(self) -> str:
        """Name of the node with its namespace, as in parameter files."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name
