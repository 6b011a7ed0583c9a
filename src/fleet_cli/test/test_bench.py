"""The command line of the benchmarks: results where they are wanted, and one sentence for bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import call
from results import require_results

from fleet_cli.bench.fleet_bench import fitted_rows
from fleet_experiments.results import read_results, run_of


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cascade", "allocation", "recorder", "simulation", "monitor", "merge"])
def test_each_is_one_command(name: str, tmp_path: Path) -> None:
    done = call("bench", name, "--quick", "--report", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    require_results(tmp_path / "out", f"./fleet bench {name} --quick --report out")
    assert "report: out" in done.stdout


@pytest.mark.slow
def test_a_live_fleet_is_measured_node_by_node(tmp_path: Path) -> None:
    done = call("bench", "fleet", "--quick", "--report", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    require_results(tmp_path / "out", "./fleet bench fleet --quick --report out")
    whole, *nodes = read_results(tmp_path / "out").rows
    assert {row["algo"] for row in nodes} == {
        "allocator",
        "bridge",
        "console",
        "diagnostics",
        "gate",
        "markers",
        "policy",
        "recorder",
        "stations",
        "trainer",
    }
    assert 0 < whole["first_tick_s"] < whole["end_s"]
    assert sum(row["start_cpu_s"] for row in nodes) <= whole["cpu_s"]
    assert all(row["cpu_s_per_tick"] >= 0 and row["peak_mb"] > 10 for row in nodes)
    assert not (tmp_path / "out" / "run").exists()


def test_the_fitted_cost_is_that_of_a_line() -> None:
    rows = [
        run_of("ants", node, 3, f"{robots} robots") | {"cpu_s_per_tick": fixed_s + robots * each_s}
        for node, fixed_s, each_s in (("gate", 0.01, 0.0002), ("policy", 0.1, 0.003))
        for robots in (4, 20, 100)
    ]
    fitted = {row["algo"]: (row["fixed_cpu_s"], row["cpu_s_per_robot"]) for row in fitted_rows(rows)}
    assert fitted["gate"] == pytest.approx((0.01, 0.0002))
    assert fitted["policy"] == pytest.approx((0.1, 0.003))
    assert fitted_rows(rows[:1]) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("policy", "--quick", "--report", "file/in"), "file/in: cannot be made a folder: Not a directory."),
        (("cascade", "--quick", "--fleet", "none"), "--fleet: expected a path to a YAML file or one of ant_100"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a text")
    done = call("bench", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
