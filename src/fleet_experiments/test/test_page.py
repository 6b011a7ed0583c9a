"""Tables of a page match the results, and the rest of the page is unchanged."""

from __future__ import annotations

import pytest

from fleet_contract.validation import InputError
from fleet_experiments.page import filled
from fleet_experiments.results import new_results, run_of

PAGE = """# Measured

<!-- table maze by algo, condition: success, collided -->
old
<!-- end -->

The end.
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "maze").mkdir()
    rows = [
        {**run_of("maze", algo, seed, "windy"), "success": success}
        for algo, seed, success in [("BC", 0, 0.0), ("IIFL", 0, 1.0), ("IIFL", 1, 0.5)]
    ]
    new_results("maze", "./fleet experiment maze", rows).write(tmp_path / "maze")
    return tmp_path


def test_a_table_has_a_line_per_group_with_means_and_deviations(folder):
    page = filled(PAGE, folder)
    assert "| algo | condition | runs | success | collided |\n|" in page
    assert (
        "| BC | windy | 1 | 0 | - |\n| IIFL | windy | 2 | 0.75 +- 0.3536 | - |\n\n`./fleet experiment maze`, " in page
    )
    assert "old" not in page


def test_a_pattern_selects_rows(folder):
    page = filled(PAGE.replace("by algo, condition:", "by algo=II*, condition:"), folder)
    assert "| algo | condition | runs |" in page
    assert "| IIFL | windy | 2 |" in page
    assert "| BC |" not in page


def test_the_rest_is_unchanged_and_filling_is_idempotent(folder):
    page = filled(PAGE, folder)
    assert page.startswith("# Measured\n\n<!-- table maze by")
    assert page.endswith("<!-- end -->\n\nThe end.\n")
    assert filled(page, folder) == page


def test_missing_results_are_named(tmp_path):
    with pytest.raises(InputError, match=r"maze: there is no such file"):
        filled(PAGE, tmp_path)
