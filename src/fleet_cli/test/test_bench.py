"""The command line of the benchmarks: results where they are wanted, and one sentence for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import fleet
from pyarrow import parquet


@pytest.mark.parametrize("name", ["policy", "cascade", "allocation", "recorder", "simulation"])
def test_each_is_one_command(name: str, tmp_path: Path) -> None:
    done = fleet("bench", name, "--quick", "--report", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["command"] == f"./fleet bench {name} --quick --report out"
    assert results["rows"]
    table = parquet.read_table(tmp_path / "out" / "results.parquet")
    assert table.num_rows == len(results["rows"])
    assert set(table.column_names) == {key for row in results["rows"] for key in row}
    assert "report: out" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("policy", "--quick", "--report", "file/in"), "file/in: cannot be made a folder: Not a directory."),
        (("cascade", "--quick", "--fleet", "none"), "--fleet: expected a path to a YAML file or one of ant_100"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a text")
    done = fleet("bench", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
