from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from sim_bridge.isaac.process import INTERPRETER


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """An interpreter that has the stand-in for Isaac Gym installed."""
    python, packages = tmp_path / "python", Path(__file__).parent / "stand_in"
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="{packages}" OMP_NUM_THREADS=1 exec "{sys.executable}" "$@"\n', encoding="utf-8"
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(INTERPRETER, str(python))
