"""The merging experiment: linear controllers, barriers between two sites, and sites with different tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from fleet_experiments.merge.figure import draw_sites
from fleet_experiments.merge.linear import linear_runs
from fleet_experiments.merge.scale import Scale
from fleet_experiments.merge.sites import Kind, barriers, demonstrated, demonstrations_name, one_shot, rounds
from fleet_experiments.results import Results, new_results
from fleet_experiments.sweep import Work, sweep
from fleet_learning.resume_file import resume_key
from fleet_training.learning_setup import LearningSetup

ENVIRONMENTS = ("metaworld", "tabletop")
"""Fleets with robots of several tasks; rows are named after them."""
CONCENTRATIONS = (0.1, 1.0, 10.0)
"""Of the Dirichlet distributions from which sites draw their shares of the tasks, as in the paper."""
EPOCHS = (1, 5, 10)
"""Epochs between two merges."""
IN_ROUNDS = ("average", "FLEET-MERGE", "RegMean, matched")
"""Methods that merge again and again; the first is federated averaging."""
KINDS: tuple[Kind, ...] = get_args(Kind)


def _linear(setup: LearningSetup, scale: Scale, seed: int) -> dict[str, Work]:  # noqa: ARG001
    return {f"linear_{seed}": partial(linear_runs, scale, seed)}


def _barriers(setup: LearningSetup, scale: Scale, seed: int) -> dict[str, Work]:
    return {f"barriers_{kind}_{seed}": partial(barriers, setup, scale, kind, seed) for kind in KINDS}


def _once(setup: LearningSetup, scale: Scale, seed: int) -> dict[str, Work]:
    return {
        f"once_{kind}_{concentration:g}_{seed}": partial(one_shot, setup, scale, kind, concentration, seed)
        for kind in KINDS
        for concentration in CONCENTRATIONS
    }


def _rounds(setup: LearningSetup, scale: Scale, seed: int) -> dict[str, Work]:
    return {
        f"rounds_{kind}_{method}_{every}_{seed}": partial(rounds, setup, scale, kind, method, every, seed)
        for kind in KINDS
        for method in IN_ROUNDS
        for every in EPOCHS
    }


PARTS: dict[str, Callable[[LearningSetup, Scale, int], dict[str, Work]]] = {
    "linear": _linear,
    "barriers": _barriers,
    "once": _once,
    "rounds": _rounds,
}
"""The parts of the experiment: each returns its runs with a seed."""


def merge_experiment(
    setup: LearningSetup,
    folder: Path,
    *,
    parts: Sequence[str],
    seeds: Sequence[int],
    scale: Scale,
    command: str,
    address: str | None,
) -> Results:
    """Make the chosen parts with every seed, and write the results into the folder.

    Raises:
        InputError: the folder holds other runs, or there is no cluster at the address.
    """
    runs: dict[str, Work] = {}
    after: dict[str, str] = {}
    for seed in seeds:
        shown = demonstrations_name(seed)
        if set(parts) - {"linear"}:
            runs[shown] = partial(demonstrated, setup, scale, seed)
        for part in parts:
            own = PARTS[part](setup, scale, seed)
            runs |= own
            if part != "linear":
                after |= dict.fromkeys(own, shown)
    rows = sweep(runs, folder / "runs", key=resume_key(setup.key, scale), after=after, address=address)
    results = new_results("merge", command, rows)
    results.write(folder)
    draw_sites(rows, folder / "sites.png")
    return results
