"""Training from recorded runs: `fleet train ...`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.progress import MofNCompleteColumn, Progress

from fleet_cli.command_line import make_folder, this_command
from fleet_contract.fleet import Fleet
from fleet_contract.validation import InputError
from fleet_training.algorithms import ALGORITHMS
from fleet_training.fleet_setting import setting_of
from fleet_training.offline_training import OfflineTraining, read_training_data

CHECKPOINT, DEMONSTRATIONS, FLEET, ABOUT = "policy.safetensors", "demonstrations.npz", "fleet.yaml", "training.json"


def train(
    fleet: Fleet, sets: Sequence[Path], folder: Path, *, algorithm: str, seed: int, steps: int | None = None
) -> None:
    """Write a policy, what it learned from, and the fleet file that serves it; `steps` instead of the fleet file's.

    Raises:
        BadInput: something cannot be used, or the folder holds a policy already.
    """
    if algorithm not in ALGORITHMS:
        raise InputError(f"--algo: found {algorithm!r}, allowed are {', '.join(ALGORITHMS)}.")
    if (folder / CHECKPOINT).exists():
        raise InputError(f"{folder}: found a policy there already, allowed is a new folder.")
    setting = setting_of(fleet, ticks=0)
    setting = replace(setting, pretraining_steps=steps or setting.pretraining_steps)
    lessons = read_training_data(sets, setting.contract, setting.stream, seed)
    make_folder(folder)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bar = progress.add_task("training", total=None)
        start, errors = OfflineTraining(
            setting,
            ALGORITHMS[algorithm],
            lessons,
            folder,
            seed=seed,
            advance=lambda _, done, total: progress.update(bar, completed=done, total=total),
        ).run()
    start.write(folder / CHECKPOINT, folder / DEMONSTRATIONS, setting.contract, this_command())
    content = fleet.model_dump()
    content["allocation"] |= {"order": ALGORITHMS[algorithm].order, "threshold": "calibrated"}
    content["policy"]["checkpoint"] = (folder / CHECKPOINT).absolute()
    content["training"]["demonstrations"] = (folder / DEMONSTRATIONS).absolute()
    Fleet.model_validate(content).write(folder / FLEET)
    about = {
        "pairs": len(lessons.pairs),
        "held_out_pairs": len(lessons.held_out),
        "held_out_errors": [asdict(error) for error in errors],
        "gradient_steps": start.policy.optimizer_state.steps,
        "threshold": start.threshold,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    held_out = f", {len(lessons.held_out)} held out" if errors else ""
    print(f"{folder / CHECKPOINT}: {start.policy.optimizer_state.steps} steps on {len(lessons.pairs)} pairs{held_out}")
    print(f"serve it: ./fleet up --fleet {folder / FLEET}")
