"""Trains policies on recorded runs: `fleet train ...`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.progress import MofNCompleteColumn, Progress

from fleet_cli.command_line import make_folder, this_command
from fleet_contract.fleet import Fleet
from fleet_contract.validation import InputError
from fleet_learning.moments import moments_scaling, read_moments
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import learning_setup
from fleet_training.offline_training import OfflineTraining, read_training_data

CHECKPOINT, DEMONSTRATIONS, FLEET, METADATA = "policy.safetensors", "demonstrations.npz", "fleet.yaml", "training.json"


def train(
    fleet: Fleet,
    sets: Sequence[Path],
    folder: Path,
    *,
    algorithm: str,
    seed: int,
    steps: int | None = None,
    moments: Sequence[Path] = (),
) -> None:
    """Train a policy, and write it with its demonstrations and a fleet file that deploys it.

    Args:
        fleet: Fleet that the policy is for, which also determines its size.
        sets: Datasets, and files of demonstrations.
        folder: Folder to write into; an interrupted training in it is resumed.
        algorithm: Name of the algorithm.
        seed: Seed of the held-out split, bootstraps and batches.
        steps: Maximum number of gradient steps; None: from the fleet file.
        moments: Files from which the scaling is taken; none: from the pairs.

    Raises:
        InputError: something cannot be used, or the folder already holds a policy.
    """
    if algorithm not in ALGORITHMS:
        raise InputError(f"--algo: expected one of {', '.join(ALGORITHMS)}, got {algorithm!r}.")
    if (folder / CHECKPOINT).exists():
        raise InputError(f"{folder}: expected a folder without a policy, got one with {CHECKPOINT}.")
    limited = fleet.with_changes(source="--steps", pretraining={"gradient_steps": steps}) if steps else fleet
    setup = learning_setup(limited, ticks=0)
    contract, stream = setup.contract, fleet.pretraining.observes
    data = read_training_data(sets, contract, stream, seed)
    scaling = moments_scaling(read_moments(moments, contract, stream), contract) if moments else None
    make_folder(folder)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bar = progress.add_task("training", total=None)
        start, errors = OfflineTraining(
            setup,
            ALGORITHMS[algorithm],
            data,
            folder,
            seed=seed,
            scaling=scaling,
            advance=lambda _, done, total: progress.update(bar, completed=done, total=total),
        ).run()
    start.write(folder / CHECKPOINT, folder / DEMONSTRATIONS, setup.contract, this_command())
    deployed = fleet.with_changes(
        source=fleet.fleet,
        allocation={"order": ALGORITHMS[algorithm].order, "thresholds": {}},
        policy={"checkpoint": (folder / CHECKPOINT).absolute()},
        training={"demonstrations": (folder / DEMONSTRATIONS).absolute()},
    )
    deployed.write(folder / FLEET)
    metadata = {
        "pairs": len(data.pairs),
        "held_out_pairs": len(data.held_out),
        "held_out_errors": [asdict(error) for error in errors],
        "gradient_steps": start.policy.optimizer_state.steps,
        "threshold": start.threshold,
    }
    (folder / METADATA).write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")
    held_out = f", {len(data.held_out)} held out" if errors else ""
    print(f"{folder / CHECKPOINT}: {start.policy.optimizer_state.steps} steps on {len(data.pairs)} pairs{held_out}")
    print(f"deploy it: ./fleet up --fleet {folder / FLEET}")
