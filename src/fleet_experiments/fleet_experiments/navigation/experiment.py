"""Reproduces the 2D navigation experiment of IIFL (figure 1 and section 5.1).

N robots (one trial each), S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fleet_contract.fleet import (
    AllocationConfig,
    EnvironmentConfig,
    Fleet,
    PolicySelection,
    PretrainingConfig,
    RobotsConfig,
    SupervisorsConfig,
    TrainingConfig,
)
from fleet_experiments.fleet.fleet_run import DEMONSTRATIONS, FleetRun
from fleet_experiments.navigation.figure import NavigationPanel, draw_navigation, landscapes, read_panel
from fleet_experiments.navigation.trial import run_trial
from fleet_experiments.results import Results, Row, new_results
from fleet_experiments.sweep import sweep
from fleet_training.algorithms import FLEET_ALGORITHMS, Algorithm
from fleet_training.first_policy import OnProgress
from fleet_training.learning_setup import LearningSetup, learning_setup
from iifl_policy.implicit import ImplicitPolicy
from iifl_policy.uniform import Uniform

TASKS = {"calm": "navigation", "windy": "windy_navigation"}
TICKS = 1000
UPDATE_PERIOD = 100
"""Ticks between two updates of the policy."""
TRIALS = 100
TRIAL_SEED = 1000
"""Offset from a run's seed to the seed of its trials, so that they start in other states than the fleet."""
PANEL = "windy.npz"
ALGORITHM_NAMES = ("bc", "ibc", "ifl", "iifl", "iifl_firework")
"""Algorithms that the experiment can run; the last one is not in the paper."""


def navigation_setup(contract_file: Path) -> LearningSetup:
    """Return the paper's setup: 100 demonstrations without wind, then 20 robots and 4 humans in the wind.

    Two action dimensions are covered by 128 uniformly distributed actions. Decisions by these actions, weighted by exp(-E), give
    the same policy as Langevin chains, and a less biased divergence at a fraction of the cost. Counter-examples come from
    Langevin chains, as in the paper. The fork takes many gradient steps: it is one of 170 cells.

    Raises:
        InputError: the robots' contract cannot be used.
    """
    fleet = Fleet(
        fleet="navigation",
        robots=RobotsConfig(contract=contract_file, count=20),
        environment=EnvironmentConfig(backend="numpy", task=TASKS["windy"]),
        supervisors=SupervisorsConfig(count=4, styles=("either",)),
        policy=PolicySelection(checkpoint=None, chains=128),
        allocation=AllocationConfig(intervention_ticks=5, hard_reset_ticks=5),
        training=TrainingConfig(
            demonstrations=Path(DEMONSTRATIONS),
            update_ticks=tuple(range(UPDATE_PERIOD, TICKS + 1, UPDATE_PERIOD)),
            gradient_steps=1000,
        ),
        pretraining=PretrainingConfig(
            width=256,
            depth=3,
            gradient_steps=4000,
            batch_size=128,
            learning_rate=1e-3,
            learning_rate_decay=0.97,
            counter_example_iterations=5,
            gradient_margin=10.0,
            calibration_ticks=200,
            calibration_percentile=99.0,
        ),
    )
    setup = learning_setup(fleet, ticks=TICKS)
    return replace(
        setup,
        implicit=replace(setup.implicit, sampler=Uniform()),
        demonstration_task=TASKS["calm"],
        demonstrated_episodes=100,
    )


def navigation(
    setup: LearningSetup,
    folder: Path,
    *,
    algorithms: Sequence[str],
    seeds: Sequence[int],
    command: str,
    address: str | None,
) -> Results:
    """Train every algorithm with every seed, run its trials, and write results and the figure into the folder.

    Raises:
        InputError: the folder holds other runs, or there is no cluster at the address.
    """
    runs = {
        f"{name}_{seed}": partial(_run, setup, FLEET_ALGORITHMS[name], seed) for name in algorithms for seed in seeds
    }
    results = new_results("navigation", command, sweep(runs, folder / "runs", key=setup.key, address=address))
    results.write(folder)
    panels = [
        read_panel(FLEET_ALGORITHMS[name].name, folder / "runs" / f"{name}_{seeds[0]}" / PANEL) for name in algorithms
    ]
    draw_navigation(panels, folder / "navigation.png")
    return results


def _run(setup: LearningSetup, algorithm: Algorithm, seed: int, folder: Path, on_progress: OnProgress) -> list[Row]:
    """Run one algorithm and seed; an algorithm that does not learn from the fleet has no ticks before its trials."""
    if algorithm.updates == "never":
        setup = replace(setup, ticks=0)
    outcome = FleetRun(setup, algorithm, seed, folder, on_progress).run()
    rows: list[Row] = []
    for condition, task in TASKS.items():
        with closing(setup.make_environment(task, TRIALS)) as environment:
            trial = run_trial(environment, outcome.policy, TRIAL_SEED + seed)
        rows.append(
            outcome.row
            | {
                "condition": condition,
                "trials": TRIALS,
                "success": float(np.mean(trial.succeeded_N)),
                "collided": float(np.mean(trial.violated_N)),
            }
        )
    energies = landscapes(outcome.policy) if isinstance(outcome.policy, ImplicitPolicy) else None
    NavigationPanel(algorithm.name, trial.states_TNS, trial.succeeded_N, energies).write(folder / PANEL)
    return rows
