"""A recorded run once more: its robots as they were, everything else decides anew, and both are compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from fleet_bags.comparison import Comparison, compare
from fleet_bags.recording import Recording, read_recording
from fleet_bringup.run_setup import FLEET_FILE, Run, run_folder
from fleet_contract.fleet import Fleet
from fleet_contract.validation import validated
from fleet_learning.checkpoint import read_checkpoint

CONTRACT, COMPARISON = "contract.yaml", "comparison.json"


@dataclass(frozen=True)
class Replay:
    """What the person who replays a run asks for."""

    bag: Path
    """A bag's folder, or that of a run."""
    policy: Path | None = None
    """Checkpoint instead of those that decided then."""
    speed: float | None = None
    """How many times as fast as the run was recorded; None: in lockstep, as soon as all is decided."""
    seed: int | None = None
    """Instead of the run's."""
    report: Path | None = None
    """Folder of the replay."""


def prepare_replay(wishes: Replay) -> tuple[Recording, Run]:
    """Read and check the recording and the checkpoints that decided, and make the replay's folder.

    Raises:
        BadInput: something cannot be used.
    """
    past = read_recording(wishes.bag)
    fleet, contract = past.metadata.fleet, past.metadata.contract
    content = fleet.model_dump()
    content["environment"] = {
        "backend": "replay",
        "task": fleet.environment.task,
        "bag": past.bag.absolute(),
        "speed": wishes.speed,
    }
    content["tick"]["mode"] = "real_time" if wishes.speed else "lockstep"
    decided = [fleet.policy.checkpoint, *(served.path for served in past.policy_versions)]
    if wishes.policy:
        decided = [wishes.policy.absolute()]
        content["training"]["update_ticks"] = ()
        content["policy"]["checkpoint"] = decided[0]
    for checkpoint in filter(None, decided):
        _, about = read_checkpoint(checkpoint, contract)
        if wishes.policy and about.threshold is not None:
            content["allocation"]["threshold"] = about.threshold
    folder = run_folder(wishes.report, f"{fleet.fleet}_replay")
    content["robots"]["contract"] = folder / CONTRACT
    (folder / CONTRACT).write_text(yaml.safe_dump(contract.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    replayed = validated(content, Fleet, source=str(past.bag))
    replayed.write(folder / FLEET_FILE)
    seed = past.metadata.seed if wishes.seed is None else wishes.seed
    return past, Run(folder, replayed, past.ticks, seed, record=True, params_file=None, windows=False, foxglove=None)


def conclude(past: Recording, run: Run) -> Comparison:
    """Compare what was decided now with what was decided then, and write it into the replay's folder.

    Raises:
        BadInput: the replay recorded nothing.
    """
    comparison = compare(past, read_recording(run.folder))
    (run.folder / COMPARISON).write_text(json.dumps(comparison.summary(), indent=1) + "\n", encoding="utf-8")
    for kind, likeness in comparison.parts.items():
        print(f"{kind:>16}  {likeness}")
    return comparison
