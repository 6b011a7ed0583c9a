"""Runs are spread over processors, kept when they end, and say why they did not."""

from __future__ import annotations

import json

import pytest
import torch

from fleet_contract.validation import InputError
from fleet_experiments.sweep import sweep


def test_rows_come_back_in_order_and_what_was_refused_says_so(tmp_path):
    # Not at the top of this file, which workers cannot import.
    def work(folder, advance):
        for done in (1, 2):
            advance("working", done, 2)
        if folder.name == "later":
            assert (tmp_path / "two" / "rows.json").exists()
        if folder.name == "bad":
            raise InputError("bad: found nothing.")
        return [{"threads": torch.get_num_threads(), "folder": folder.name}]

    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "rows.json").write_text('[{"folder": "before"}]', encoding="utf-8")
    with pytest.raises(InputError, match="bad: found nothing"):
        sweep({"one": work, "bad": work, "kept": work}, tmp_path, key="these")
    assert not (tmp_path / "bad" / "rows.json").exists()
    runs = dict.fromkeys(("kept", "two", "later", "latest", "one"), work)
    rows = sweep(runs, tmp_path, key="these", after={"later": "two", "latest": "kept"})
    assert [row["folder"] for row in rows] == ["before", "two", "later", "latest", "one"]
    assert rows[1]["threads"] == 1
    assert rows[1:2] == json.loads((tmp_path / "two" / "rows.json").read_text())
    with pytest.raises(InputError, match="found other runs"):
        sweep({"one": work}, tmp_path, key="others")


def test_what_no_machine_has_memory_for_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        InputError, match=r"^memory: found runs that take about 1048576\.0 GiB each, allowed are [0-9.]+ GiB"
    ):
        sweep({"one": lambda *_: []}, tmp_path / "runs", key="these", memory_bytes=2**50)
    assert not (tmp_path / "runs").exists()
