"""Both runners start the same nodes with the same parameters."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import typer
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleet_bringup.graph import node_graph, write_parameters
from fleet_bringup.run_options import (
    Options,
    RunnerOptions,
    RunOptions,
    launch_arguments,
    parse_launch_arguments,
    with_options,
)
from fleet_bringup.run_setup import prepare
from fleet_cli.main import app
from fleet_cli.runner.processes import Processes
from fleet_cli.runner.supervisor_process import SupervisorProcess
from fleet_contract.validation import InputError

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


def test_every_option_is_a_launch_argument_and_a_command_line_option_with_the_same_description(context: Any) -> None:
    """But RViz, which comes with ROS 2, and the default of headless."""
    arguments = runpy.run_path(str(LAUNCH_FILE))["ARGUMENTS"]
    up = typer.main.get_command(app).commands["up"]
    options = {option.name: option for option in up.params if option.name != "help"}
    assert set(arguments) - set(options) == {"rviz"}
    assert not set(options) - set(arguments)
    for name, option in options.items():
        default, description = arguments[name]
        assert option.help == description
        assert re.match(r"[A-Z].*[a-z)]\.$", description), description
        if name != "headless":
            assert default == ("" if option.default is None else str(option.default).lower())


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.integers().map(str),
    st.sampled_from(["info", "warn", "0", "1000", "65535", "65536", " 7 ", "1_0", "1.0", "true", "runs/out"]),
)
OPTIONS_WITH_VALUE = [
    (options, name)
    for options in (RunOptions, RunnerOptions)
    for name, field in options.model_fields.items()
    if field.annotation not in (bool, bool | None)
]


@given(st.sampled_from(OPTIONS_WITH_VALUE), TEXTS)
def test_a_launch_argument_means_what_the_command_line_option_means(
    option: tuple[type[Options], str], text: str
) -> None:
    options, name = option
    assert parsed_by_launch(options, name, text) == parsed_by_command_line(
        options, f"--{name.replace('_', '-')}={text}"
    )


@pytest.mark.parametrize("name", ["record", "window", "demonstrate", "real_time", "foxglove", "headless"])
def test_true_and_false_mean_a_flag_and_its_opposite(name: str) -> None:
    options = RunOptions if name in RunOptions.model_fields else RunnerOptions
    flag = name.replace("_", "-")
    assert parsed_by_launch(options, name, "true") == parsed_by_command_line(options, f"--{flag}")
    off = [f"--no-{flag}"] if name in {"record", "window"} else []
    assert parsed_by_launch(options, name, "false") == parsed_by_command_line(options, *off)
    assert parsed_by_launch(options, name, "maybe") == f"--{flag}: expected true or false, got 'maybe'."


def parsed_by_launch(options: type[Options], name: str, text: str) -> Options | str:
    texts = {key: default for key, (default, _) in launch_arguments(options).items()}
    try:
        return parse_launch_arguments(options, texts | {name: text})
    except InputError as error:
        return str(error)


def parsed_by_command_line(options: type[Options], *words: str) -> Options | str:
    parsed = []

    def command(chosen: Options) -> None:
        parsed.append(chosen)

    command.__annotations__["chosen"] = options
    app = typer.Typer()
    app.command()(with_options(command))
    try:
        typer.main.get_command(app).main(list(words), standalone_mode=False)
    except InputError as error:
        return str(error)
    return parsed[0]


@pytest.mark.parametrize("text", ["x", "-1", "1.5"])
def test_a_launch_argument_that_cannot_be_used_ends_the_launch_with_one_sentence(
    context: Any, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = runpy.run_path(str(LAUNCH_FILE))
    defaults = {name: default for name, (default, _) in file["ARGUMENTS"].items()}
    context.launch_configurations.update(defaults | {"ticks": text})
    with pytest.raises(SystemExit) as ended:
        file["_start"](context)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"--ticks: expected a whole number from 0, got {text!r}.\n"


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

    options = RunOptions(
        report=tmp_path / "up",
        ticks=7,
        seed=3,
        record=record == "true",
        operators=operators,
        window=True,
        foxglove=foxglove == "true",
        foxglove_port=0,
    )
    run = prepare(options)
    specs = node_graph(run, headless=True)
    parameters = write_parameters(specs, run.folder)
    commands = Processes(SupervisorProcess(), specs, run.folder, [parameters], "info").commands
    started = {
        spec.name: (spec.package, spec.executable, yaml.safe_load(parameters.read_text())[spec.name]["ros__parameters"])
        for spec in specs
        if f"lib/{spec.package}/{spec.executable} " in commands[spec.name]
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
