"""The first policy of a fleet: demonstrations, training, and the calibrated threshold."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import MofNCompleteColumn, Progress

from fleet_contract.fleet import read_fleet
from fleet_experiments.algorithms import ALGORITHMS
from fleet_experiments.fleet_run import FleetRun
from fleet_experiments.fleet_setting import setting_of


def pretrain(fleet_file: Path, *, seed: int) -> None:
    """Write the demonstrations and the checkpoint that the fleet file names.

    Raises:
        BadInput: the fleet file cannot be used.
    """
    fleet = read_fleet(fleet_file)
    with (
        Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress,
        TemporaryDirectory() as folder,
    ):
        tasks = {stage: progress.add_task(stage, total=None) for stage in ("pretraining", "calibration")}
        run = FleetRun(
            setting_of(fleet, ticks=0),
            ALGORITHMS["iifl"],
            seed,
            Path(folder),
            lambda stage, done, total: progress.update(tasks[stage], completed=done, total=total),
        )
        start = run.start()
    for file in (fleet.training.demonstrations, fleet.policy.checkpoint):
        file.parent.mkdir(parents=True, exist_ok=True)
    start.write(
        fleet.policy.checkpoint,
        fleet.training.demonstrations,
        fleet.contract(),
        f"fleet pretrain --fleet {fleet.fleet} --seed {seed}",
    )
    print(
        f"{fleet.policy.checkpoint}: loss {start.loss:.3f}, threshold {start.threshold:.3f} {start.policy.uncertainty_unit}"
    )
