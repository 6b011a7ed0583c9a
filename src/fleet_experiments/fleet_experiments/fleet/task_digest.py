"""What runs of a task depend on beside their setting: models, experts, and what these reach."""

from __future__ import annotations

import hashlib

from fleet_supervisors.learned import EXPERTS
from sim_bridge.backends import BENCHMARK


def task_digest(task: str) -> str:
    """Of a task of the benchmark; of others nothing."""
    if task not in BENCHMARK:
        return ""
    from sim_bridge.benchmark.expert_return import FOLDER
    from sim_bridge.benchmark.tasks import KINDS

    files = [FOLDER / f"{task}.json", EXPERTS / f"{task}.safetensors"]
    parts = [KINDS[task].xml.encode(), *(file.read_bytes() for file in files if file.exists())]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
