"""The command line of the benchmarks: results where they are wanted, and one sentence for bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import call
from results import require_results


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cascade", "allocation", "recorder", "simulation"])
def test_each_is_one_command(name: str, tmp_path: Path) -> None:
    done = call("bench", name, "--quick", "--report", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    require_results(tmp_path / "out", f"./fleet bench {name} --quick --report out")
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
    done = call("bench", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
