"""The page of a recorded run, as `fleet report` writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Ended, fleet
from test_run_page import Found

from fleet_cli.run_page.page import number

pytestmark = pytest.mark.slow


def test_the_page_of_a_real_run_says_what_its_summary_says(long_run: Ended, tmp_path: Path) -> None:
    done = fleet("report", str(long_run.folder / "bag"), "-o", "page.html", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "page.html"), done.stderr
    text, summary = (tmp_path / "page.html").read_text(), long_run.summary
    words = Found(text).words
    for key in ("ticks", "successes", "hard_resets", "human_actions"):
        assert words[key].split()[0] == str(summary[key])
    assert words["rohe"].split()[0] == number(summary["rohe"])
    assert words["threshold"].split()[0] == number(summary["threshold"])
    assert text.count("data:image/jpeg") >= 2 * text.count("<li>") > 0
    assert len(text) < 4e6
