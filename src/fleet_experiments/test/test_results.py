"""Results are read back as they were written, by this project and by Parquet's own reader."""

from __future__ import annotations

import json
import statistics
from datetime import datetime
from io import StringIO

import pytest
from pyarrow import parquet
from rich.console import Console

from fleet_contract.validation import InputError
from fleet_experiments.results import new_results, read_results, run_of, spread, table

ROWS = [
    run_of("maze", "IIFL", seed, condition) | {"success": success, "loss": None if seed else 0.5}
    for seed, condition, success in ((0, "calm", 1.0), (1, "calm", 0.5), (0, "windy", 0.25))
]


def test_written_and_read_again(tmp_path):
    results = new_results("maze", "./fleet experiment maze", ROWS)
    results.write(tmp_path)
    assert read_results(tmp_path) == read_results(tmp_path / "results.json") == results
    content = json.loads((tmp_path / "results.json").read_text())
    assert list(content) == ["experiment", "command", "version", "device", "date", "rows"]
    assert datetime.fromisoformat(content["date"]).utcoffset().total_seconds() == 0
    assert content["rows"] == ROWS
    assert parquet.read_table(tmp_path / "results.parquet").to_pylist() == ROWS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "results.parquet"]


def test_what_some_rows_do_not_have_is_empty_in_their_column(tmp_path):
    rows = [run_of("maze", "IIFL", 0, "calm"), run_of("maze", "IIFL", 0, "windy") | {"success": 1.0}]
    new_results("maze", "", rows).write(tmp_path)
    assert parquet.read_table(tmp_path / "results.parquet")["success"].to_pylist() == [None, 1.0]


def test_rows_must_identify_their_run():
    with pytest.raises(ValueError, match="got one without seed, condition"):
        new_results("maze", "", [{"env": "maze", "algo": "BC", "success": 1.0}])


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"experiment": "maze"}', b"\xff"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(InputError, match=r"results\.json"):
        read_results(tmp_path)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_results(tmp_path)


def test_tables_show_mean_and_standard_deviation():
    console = Console(width=100, record=True, file=StringIO())
    console.print(table(ROWS, ("algo", "condition"), ("success", "loss"), title="maze"))
    lines = [line.split() for line in console.export_text().splitlines() if "IIFL" in line]
    deviation = f"{statistics.stdev([1.0, 0.5]):.4g}"
    assert [word for word in lines[0] if word not in "│┃"] == ["IIFL", "calm", "2", "0.75", "+-", deviation, "0.5"]
    assert [word for word in lines[1] if word not in "│┃"] == ["IIFL", "windy", "1", "0.25", "0.5"]


def test_a_missing_measurement_is_a_dash():
    assert spread(ROWS, "reward") == "-"
