"""The paper's experiment with four arms that push blocks (IIFL section 5.3, table 2 and appendix 7.3.3), in simulation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fleet_experiments.algorithms import ALGORITHMS
from fleet_experiments.fleet_run import FleetRun
from fleet_experiments.results import Results, Row, new_results
from fleet_experiments.setting import Setting
from fleet_experiments.sweep import Advance, sweep
from iifl_policy.training_file import training_key


def block_push(
    setting: Setting,
    folder: Path,
    *,
    algorithms: Sequence[str],
    seeds: Sequence[int],
    command: str,
    address: str | None,
) -> Results:
    """Run the fleet with every algorithm and seed, each a trial; write results into the folder.

    Raises:
        BadInput: the folder holds other runs, or there is no cluster at the address.
    """
    runs = {f"{name}_{seed}": partial(_run, setting, name, seed) for name in algorithms for seed in seeds}
    results = new_results(
        "block_push", command, sweep(runs, folder / "runs", key=training_key(setting), address=address)
    )
    results.write(folder)
    return results


def _run(setting: Setting, algorithm: str, seed: int, folder: Path, advance: Advance) -> list[Row]:
    return [FleetRun(setting, ALGORITHMS[algorithm], seed, folder, advance).run().row]
