"""Reading the results of a benchmark or an experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyarrow import parquet


def require_results(folder: Path, command: str) -> list[dict[str, Any]]:
    """Return the rows of what a command measured, after checking that both of its files have them."""
    results = json.loads((folder / "results.json").read_text())
    assert results["command"] == command
    assert results["rows"]
    table = parquet.read_table(folder / "results.parquet")
    assert table.num_rows == len(results["rows"])
    assert set(table.column_names) == {key for row in results["rows"] for key in row}
    return results["rows"]
