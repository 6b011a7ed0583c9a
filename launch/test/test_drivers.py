"""An installed package adds a backend, and brings its own check."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fleet_bringup.graph import node_graph
from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import config_folder, prepare
from fleet_contract import plugins
from fleet_contract.validation import InputError

ENTRY_POINTS = """
[fleet.drivers]
walkers = walkers:nodes
checked = walkers:CHECKED
"""
MODULE = """
from fleet_bringup.drivers import Driver
from fleet_bringup.node_spec import NodeSpec
from fleet_contract.validation import InputError


def nodes(run, parameters):
    return [NodeSpec("walkers", "walker_node", name, parameters) for name in run.fleet.robot_names]


def require(fleet):
    if fleet.robots.count > 3:
        raise InputError(f"robots.count: expected at most 3 walkers, got {fleet.robots.count}.")


CHECKED = Driver(nodes, require)
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An installed package with two backends."""
    info = tmp_path / "walkers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: walkers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "walkers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    plugins._entry_points.cache_clear()
    yield
    plugins._entry_points.cache_clear()


def options(tmp_path: Path, backend: str, robots: int) -> RunOptions:
    config = config_folder()
    content = yaml.safe_load((config / "block_push.yaml").read_text())
    for section, key in (("robots", "contract"), ("policy", "checkpoint"), ("training", "demonstrations")):
        content[section][key] = str(config / content[section][key])
    content["environment"] = {"backend": backend, "task": "block_push"}
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(content))
    return RunOptions(fleet=str(tmp_path / "fleet.yaml"), robots=robots, report=tmp_path / "out")


@pytest.mark.parametrize(("backend", "robots"), [("walkers", 4), ("checked", 3)])
def test_its_nodes_serve_the_robots(tmp_path: Path, backend: str, robots: int) -> None:
    run = prepare(options(tmp_path, backend, robots))
    graph = node_graph(run, headless=True)
    served = [node for node in graph if node.package == "walkers"]
    assert [node.name for node in served] == list(run.fleet.robot_names)
    assert not any(node.executable == "bridge_node" for node in graph)
    assert "console" in served[0].parameters["await_nodes"]


def test_its_check_refuses_a_fleet_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^robots\.count: expected at most 3 walkers, got 4\.$"):
        prepare(options(tmp_path, "checked", 4))
    assert not (tmp_path / "out").exists()
