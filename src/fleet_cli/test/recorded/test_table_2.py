"""The experiment in one process and the nodes over topics give the same run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import TINY, fleet

from fleet_cli.ros_runs import CONDITION, FOLDER, METRICS
from fleet_experiments.results import read_results
from fleet_training.algorithms import ALGORITHMS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    (folder / "tiny.yaml").write_text(TINY)
    # As many ticks as IFL's gradient steps, which the nodes then take as the experiment does: one at each tick.
    words = (
        "--fleet",
        "tiny.yaml",
        "--algo",
        "ifl,iifl",
        "--ticks",
        "24",
        "--seeds",
        "3",
        "--nodes",
        "--report",
        "out",
    )
    done = fleet("experiment", "block_push", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.mark.parametrize("algorithm", ["ifl", "iifl"])
def test_the_nodes_repeat_the_experiment(folder: Path, algorithm: str) -> None:
    """To the last push."""
    rows = [row for row in read_results(folder).rows if row["algo"] == ALGORITHMS[algorithm].name]
    here, over_ros = sorted(rows, key=lambda row: row["condition"] == CONDITION)
    assert over_ros["condition"] == CONDITION
    assert {key: over_ros[key] for key in METRICS} == pytest.approx({key: here[key] for key in METRICS}, rel=1e-12)
    assert here["human_actions"] > 0
    summary = json.loads((folder / "runs" / f"{algorithm}_3" / FOLDER / "summary.json").read_text())
    assert len(summary["policy_versions"]) == {"ifl": 24, "iifl": 3}[algorithm]
