"""The node graph: which nodes run, with which parameters."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from fleet_bringup.graph import node_graph, write_parameters
from fleet_bringup.node_spec import NodeSpec
from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import prepare


def test_the_first_tick_waits_for_all_other_nodes(tmp_path: Path) -> None:
    specs = node_graph(prepare(RunOptions(report=tmp_path / "out")), headless=True)
    bridge = next(spec for spec in specs if spec.name == "bridge")
    assert set(bridge.parameters["await_nodes"]) == {spec.name for spec in specs} - {"bridge"}


@pytest.mark.parametrize(
    ("operators", "windows", "stations"),
    [
        (0, True, {"stations"}),
        (1, True, {"stations", "window_human_01"}),
        (2, True, {"window_human_01", "window_human_02"}),
        (2, False, set()),
    ],
)
def test_every_supervisor_has_a_station_unless_they_come_by_themselves(
    tmp_path: Path, operators: int, windows: bool, stations: set[str]
) -> None:
    specs = node_graph(prepare(RunOptions(report=tmp_path / "out", operators=operators, window=windows)), headless=True)
    assert {spec.name for spec in specs if spec.package in {"fleet_supervisors", "teleop_gui"}} == stations


def test_parameter_files_are_understood_by_every_parser(tmp_path: Path) -> None:
    shared = {"run_dir": "x", "seed": 1}
    specs = [NodeSpec("p", "e", name, shared) for name in ("one", "two")]
    text = write_parameters(specs, tmp_path).read_text()
    assert "&" not in text, "ROS 2's parser knows no aliases"
    assert SimpleNamespace(**yaml.safe_load(text)).two == {"ros__parameters": shared}
