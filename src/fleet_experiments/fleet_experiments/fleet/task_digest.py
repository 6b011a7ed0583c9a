"""Computes a digest of the files that runs of a benchmark task depend on: its model, expert and expert return."""

from __future__ import annotations

import hashlib

from fleet_supervisors.learned import EXPERTS
from sim_bridge.backends import BENCHMARK


def task_digest(task: str) -> str:
    """Return the digest of a benchmark task; empty for other tasks."""
    if task not in BENCHMARK:
        return ""
    from sim_bridge.benchmark.expert_return import FOLDER
    from sim_bridge.benchmark.tasks import KINDS

    files = [FOLDER / f"{task}.json", EXPERTS / f"{task}.safetensors"]
    parts = [KINDS[task].xml.encode(), *(file.read_bytes() for file in files if file.exists())]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
