"""The paper's 2D navigation experiment (IIFL figure 1 and section 5.1).

N robots (one trial each), S state dim, A action dim.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fleet_contract.robot import RobotContract
from fleet_experiments.fleet.fleet_run import FleetRun
from fleet_experiments.navigation.figure import NavigationPanel, draw_navigation, landscapes, read_panel
from fleet_experiments.navigation.trial import run_trial
from fleet_experiments.results import Results, Row, new_results
from fleet_experiments.sweep import OnProgress, sweep
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.resume_file import resume_key
from fleet_training.algorithms import ALGORITHMS, Algorithm
from fleet_training.setting import Setting
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape
from iifl_policy.implicit import ImplicitConfig, ImplicitPolicy
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.uniform import Uniform
from sim_bridge.backends import make_environment

TASKS = {"calm": "navigation", "windy": "windy_navigation"}
TICKS = 1000
UPDATED_EVERY = 100
TRIALS = 100
TRIAL_SEED = 1000
"""Added to a run's seed: trials do not begin where the fleet has been."""
PANEL = "windy.npz"
COMPARED = ("bc", "ibc", "ifl", "iifl")


def navigation_setting(contract: RobotContract) -> Setting:
    """100 demonstrations without wind; then 20 robots and 4 humans in the wind.

    Actions have two dimensions, which 128 evenly spread actions fill: deciding by these, weighted by exp(-E), gives the same
    policy as Langevin chains and a less biased divergence at a fraction of the cost. Counter-examples come from Langevin
    chains, as in the paper. What takes long to learn is the fork: a single cell in 170 where the way ahead ends.
    """
    return Setting(
        env="navigation",
        backend="numpy",
        task=TASKS["windy"],
        demonstration_task=TASKS["calm"],
        contract=contract,
        episode_ticks=None,
        robots=20,
        supervisors=4,
        styles=("either",),
        ticks=TICKS,
        demonstrations=100,
        whole_episodes=True,
        demonstration_noise=0.0,
        stream="state",
        pretraining_steps=4000,
        update_ticks=tuple(range(UPDATED_EVERY, TICKS + 1, UPDATED_EVERY)),
        online_steps=10_000,
        calibration_ticks=200,
        calibration_percentile=99.0,
        threshold=None,
        idle_humans=True,
        budget_per_tick=2.0,
        intervention_ticks=5,
        hard_reset_ticks=5,
        implicit=ImplicitConfig(
            EnergyShape(2, 2, width=256, depth=3),
            sampler=Uniform(),
            chains=128,
            loss=LossConfig(sampler=Langevin(iterations=5), gradient_margin=10.0),
            optimizer=OptimizerConfig(batch_size=128, learning_rate=1e-3, decay=0.97),
        ),
        explicit=ExplicitConfig(
            ExplicitShape(2, 2), optimizer=OptimizerConfig(batch_size=128, learning_rate=1e-3, decay=0.97)
        ),
    )


def navigation(setting: Setting, folder: Path, *, seeds: list[int], command: str, address: str | None) -> Results:
    """Train and try every algorithm with every seed; write results and the figure into the folder.

    Raises:
        BadInput: the folder holds other runs, or there is no cluster at the address.
    """
    runs = {f"{name}_{seed}": partial(_run, setting, ALGORITHMS[name], seed) for name in COMPARED for seed in seeds}
    key = resume_key(setting)
    results = new_results("navigation", command, sweep(runs, folder / "runs", key=key, address=address))
    results.write(folder)
    panels = [read_panel(ALGORITHMS[name].name, folder / "runs" / f"{name}_{seeds[0]}" / PANEL) for name in COMPARED]
    draw_navigation(panels, folder / "navigation.png")
    return results


def _run(setting: Setting, algorithm: Algorithm, seed: int, folder: Path, advance: OnProgress) -> list[Row]:
    """One algorithm and seed. Who does not learn from the fleet is tried at once."""
    if algorithm.updates == "never":
        setting = replace(setting, ticks=0)
    outcome = FleetRun(setting, algorithm, seed, folder, advance).run()
    rows: list[Row] = []
    for condition, task in TASKS.items():
        with closing(make_environment(setting.backend, task, setting.contract, TRIALS)) as environment:
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
