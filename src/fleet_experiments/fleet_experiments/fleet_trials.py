"""The paper's experiment with four arms that push blocks (IIFL section 5.3, table 2 and appendix 7.3.3), in simulation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fleet_contract.fleet import Fleet
from fleet_experiments.algorithms import ALGORITHMS, Algorithm
from fleet_experiments.fleet_run import CHECKPOINT, DEMONSTRATIONS, FleetRun
from fleet_experiments.fleet_setting import setting_of
from fleet_experiments.results import Results, Row, new_results
from fleet_experiments.setting import Setting
from fleet_experiments.sweep import Advance, sweep
from iifl_policy.training_file import training_key


def block_push(
    fleet: Fleet,
    folder: Path,
    *,
    ticks: int,
    algorithms: Sequence[str],
    seeds: Sequence[int],
    command: str,
    address: str | None,
) -> Results:
    """Run the fleet with every algorithm and seed, each a trial; write results into the folder.

    Each run's folder holds a fleet file as well, with which the nodes repeat the run in lockstep.

    Raises:
        BadInput: the folder holds other runs, or there is no cluster at the address.
    """
    runs = {f"{name}_{seed}": partial(_run, fleet, ticks, name, seed) for name in algorithms for seed in seeds}
    results = new_results(
        "block_push",
        command,
        sweep(runs, folder / "runs", key=training_key(setting_of(fleet, ticks=ticks)), address=address),
    )
    results.write(folder)
    return results


def _run(fleet: Fleet, ticks: int, algorithm: str, seed: int, folder: Path, advance: Advance) -> list[Row]:
    setting, chosen = setting_of(fleet, ticks=ticks), ALGORITHMS[algorithm]
    over_nodes(fleet, setting, chosen).write(folder / "fleet.yaml")
    return [FleetRun(setting, chosen, seed, folder, advance).run().row]


def over_nodes(fleet: Fleet, setting: Setting, algorithm: Algorithm) -> Fleet:
    """The fleet whose nodes, in lockstep with the same seed, repeat this algorithm's run, in whose folder the file lies.

    Nodes take the same number of gradient steps at every update: where the steps of a run do not divide evenly among its
    updates, the nodes take a few more.
    """
    updates = tuple(tick for tick in range(1, setting.ticks) if setting.steps_after(algorithm, tick))
    steps = max((setting.steps_after(algorithm, tick) for tick in updates), default=1)
    content = fleet.model_dump()
    content["policy"]["checkpoint"] = CHECKPOINT
    content["supervisors"]["operators"] = 0
    content["allocation"] |= {"order": algorithm.order, "threshold": "calibrated"}
    content["training"] |= {"demonstrations": DEMONSTRATIONS, "update_ticks": updates, "gradient_steps": steps}
    return Fleet.model_validate(content)
