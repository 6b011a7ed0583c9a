"""Runs are distributed over processors, stored when they complete, and report their errors."""

from __future__ import annotations

import json

import pytest
import torch

from fleet_contract.validation import InputError
from fleet_experiments.sweep import sweep

pytestmark = pytest.mark.slow


def test_rows_are_returned_in_order_and_errors_are_reported(tmp_path):
    # Not at the top of this file, which workers cannot import.
    def work(folder, on_progress):
        for done in (1, 2):
            on_progress("working", done, 2)
        if folder.name == "later":
            assert (tmp_path / "two" / "rows.json").exists()
        if folder.name == "bad":
            raise InputError("bad: expected something, got nothing.")
        return [{"threads": torch.get_num_threads(), "folder": folder.name}]

    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "rows.json").write_text('[{"folder": "before"}]', encoding="utf-8")
    with pytest.raises(InputError, match="bad: expected something, got nothing"):
        sweep({"one": work, "bad": work, "done": work}, tmp_path, key="these")
    assert not (tmp_path / "bad" / "rows.json").exists()
    runs = dict.fromkeys(("done", "two", "later", "latest", "one"), work)
    rows = sweep(runs, tmp_path, key="these", after={"later": "two", "latest": "done"})
    assert [row["folder"] for row in rows] == ["before", "two", "later", "latest", "one"]
    assert rows[1]["threads"] == 1
    assert rows[1:2] == json.loads((tmp_path / "two" / "rows.json").read_text())
    with pytest.raises(InputError, match="got one with other runs"):
        sweep({"one": work}, tmp_path, key="others")


def test_too_much_memory_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        InputError, match=r"^memory: expected runs that take at most [0-9.]+ GiB each, .+, got about 1048576\.0 GiB"
    ):
        sweep({"one": lambda *_: []}, tmp_path / "runs", key="these", memory_bytes=2**50)
    assert not (tmp_path / "runs").exists()
