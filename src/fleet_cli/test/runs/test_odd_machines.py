"""Folders, consoles and environments that other people have."""

from __future__ import annotations

import json
import subprocess

import pytest
from conftest import ROOT, call, fleet
from running import TIMEOUT_S

from fleet_common.rmw import require_rmw


@pytest.mark.slow
def test_a_run_in_a_folder_of_any_name_on_a_console_without_its_characters(tmp_path, monkeypatch):
    folder = tmp_path / "run #3; 100% für ü"
    for name, value in {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}.items():
        monkeypatch.setenv(name, value)
    ended = fleet("up", "--headless", "--ticks", "3", "--report", folder.name, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "f\\xfcr \\xfc" in ended.stdout
    assert json.loads((folder / "summary.json").read_text())["ticks"] == 3
    assert (folder / "logs/policy.log").exists()
    done = subprocess.run(
        [ROOT / "fleet", "dataset", "build", folder, "-o", "set"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_middleware_that_is_not_installed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_of_others_cpp")
    refused = call("up", "--ticks", "3", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "rmw_fastrtps_cpp" in refused.stderr
    assert refused.stderr.endswith(", which is installed, got rmw_of_others_cpp.\n")
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    require_rmw()
