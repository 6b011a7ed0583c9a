"""Worker processes that are not of this version, or that end too early."""

from __future__ import annotations

import stat

import pytest

from fleet_contract.validation import InputError
from sim_bridge.worker.process import WorkerProcess


@pytest.mark.parametrize(
    ("prints", "reason"),
    [
        ('["ready 0", []]', "expected 'ready 1', got 'ready 0'"),
        ('["missing: no licence", []]', "no licence"),
        ("", "the worker exited"),
    ],
)
def test_a_worker_that_cannot_be_used_is_refused(tmp_path, prints, reason):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{prints}'\n" if prints else "#!/bin/sh\n", encoding="utf-8")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(InputError) as refused:
        WorkerProcess("Simulator", str(python), "sim_bridge.worker", [], lambda why: InputError(f"Unusable: {why}."))
    assert str(refused.value) == f"Unusable: {reason}."
