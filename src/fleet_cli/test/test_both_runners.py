"""Both runners start the same nodes with the same parameters."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from fleet_bringup.graph import node_graph, write_parameters
from fleet_bringup.run_setup import RunOptions, prepare
from fleet_cli.runner.processes import Processes
from fleet_common.address import Address

LAUNCH_FILE = Path(__file__).resolve().parents[3] / "launch/fleet.launch.py"


class Recorded:
    """Stands in for launch's classes where launch is not installed: remembers what it was made from."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs


class Configuration(Recorded):
    def perform(self, context: Any) -> str:
        return context.launch_configurations[self.args[0]]


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A launch context; of a fake launch where the real one is not installed. Nodes remember what they were made from."""
    try:
        import launch_ros.actions
        from launch import LaunchContext
    except ImportError:
        return _fake(monkeypatch)

    class Node(launch_ros.actions.Node):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.kwargs = kwargs

    monkeypatch.setattr(launch_ros.actions, "Node", Node)
    return LaunchContext()


def _fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    actions = ["DeclareLaunchArgument", "EmitEvent", "OpaqueFunction", "RegisterEventHandler", "SetEnvironmentVariable"]
    names = {
        "launch": ["LaunchContext", "LaunchDescription"],
        "launch.actions": actions,
        "launch.event_handlers": ["OnProcessExit"],
        "launch.events": ["Shutdown"],
        "launch_ros": [],
        "launch_ros.actions": ["Node"],
    }
    for module, classes in names.items():
        fake = ModuleType(module)
        for name in classes:
            setattr(fake, name, type(name, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, module, fake)
    substitutions = ModuleType("launch.substitutions")
    substitutions.LaunchConfiguration = Configuration
    monkeypatch.setitem(sys.modules, "launch.substitutions", substitutions)
    return SimpleNamespace(launch_configurations={})


def test_every_launch_argument_is_described(context: Any) -> None:
    arguments = runpy.run_path(str(LAUNCH_FILE))["ARGUMENTS"]
    assert set(arguments) >= {
        "fleet",
        "ticks",
        "headless",
        "record",
        "rviz",
        "foxglove",
        "seed",
        "log_level",
        "params_file",
    }
    assert all(description.endswith(".") for _, description in arguments.values())


@pytest.mark.parametrize(("record", "operators", "foxglove"), [("true", 0, "true"), ("false", 1, "false")])
def test_both_runners_start_the_same_nodes_with_the_same_parameters(
    context: Any, tmp_path: Path, record: str, operators: int, foxglove: str
) -> None:
    file = runpy.run_path(str(LAUNCH_FILE))
    chosen = {name: default for name, (default, _) in file["ARGUMENTS"].items()}
    chosen |= {"report": str(tmp_path / "launched"), "ticks": "7", "seed": "3", "record": record}
    chosen |= {"operators": str(operators), "window": "true", "foxglove": foxglove, "foxglove_port": "0"}
    context.launch_configurations.update(chosen)
    nodes = [action for action in file["_start"](context) if type(action).__name__ == "Node"]
    launched = {
        node.kwargs["name"]: (node.kwargs["package"], node.kwargs["executable"], _said(node.kwargs["parameters"], node))
        for node in nodes
    }

    wishes = RunOptions(report=tmp_path / "up", ticks=7, seed=3, record=record == "true")
    address = Address(port=0) if foxglove == "true" else None
    run = prepare(replace(wishes, operators=operators, windows=True, foxglove=address))
    specs = node_graph(run, headless=True)
    parameters = write_parameters(specs, run.folder)
    configuration = "\n".join(Processes(specs, run.folder, {}, [parameters], "info")._sections)
    started = {
        spec.name: (spec.package, spec.executable, yaml.safe_load(parameters.read_text())[spec.name]["ros__parameters"])
        for spec in specs
        if f"lib/{spec.package}/{spec.executable}" in configuration
    }
    assert _relative(launched, tmp_path / "launched") == _relative(started, tmp_path / "up")
    assert ("recorder" in started) == (record == "true")
    assert ("foxglove" in started) == (foxglove == "true")
    assert "markers" in started
    closable = {node.kwargs["name"] for node in nodes if not node.kwargs["respawn"]} - {"bridge", "console"}
    assert closable == ({"window_human_01"} if operators else set())


def _said(files: list[str], node: Recorded) -> dict:
    return yaml.safe_load(Path(files[0]).read_text())[node.kwargs["name"]]["ros__parameters"]


def _relative(nodes: dict, folder: Path) -> dict:
    return yaml.safe_load(yaml.safe_dump(nodes).replace(str(folder), "RUN"))
