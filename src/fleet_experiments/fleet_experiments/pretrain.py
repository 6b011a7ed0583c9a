"""The first policy of a fleet: demonstrations, training, and the calibrated threshold.

N robots, T ticks.
"""

from __future__ import annotations

from pathlib import Path

from rich.progress import MofNCompleteColumn, Progress

from fleet_allocator.threshold import calibrated_threshold
from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.robot import RobotContract
from fleet_experiments.calibration import run_without_teleoperation
from fleet_experiments.demonstrations import demonstrate
from fleet_experiments.loop import supervisors_of
from iifl_policy.checkpoint import describe, write_checkpoint
from iifl_policy.dataset import Dataset
from iifl_policy.descent import DescentConfig
from iifl_policy.energy import EnergyShape
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.randomness import torch_generator
from iifl_policy.scaling import contract_scaling
from sim_bridge.backends import make_environment
from teleop_gui.supervisors import make_supervisor


def pretrain(fleet_file: Path, *, seed: int) -> None:
    """Write the demonstrations and the checkpoint that the fleet file names.

    Raises:
        BadInput: the fleet file cannot be used.
    """
    fleet = read_fleet(fleet_file)
    contract, recipe = fleet.contract(), fleet.pretraining
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        dataset = _demonstrations(fleet, contract, seed)
        for file in (fleet.training.demonstrations, fleet.policy.checkpoint):
            file.parent.mkdir(parents=True, exist_ok=True)
        dataset.save(fleet.training.demonstrations)
        config = ImplicitConfig(
            shape=EnergyShape(contract.state_dim, contract.action_dim, width=recipe.width, depth=recipe.depth),
            loss=LossConfig(
                sampler=Langevin(iterations=recipe.counter_iterations), gradient_margin=recipe.gradient_margin
            ),
            descent=DescentConfig(batch_size=recipe.batch_size, learning_rate=recipe.learning_rate),
        )
        training = progress.add_task("training", total=recipe.gradient_steps)
        untrained = new_implicit(config, contract_scaling(contract, dataset), torch_generator(seed))
        trained = untrained.fit(
            dataset,
            steps=recipe.gradient_steps,
            seed=seed,
            watch=lambda done, _: progress.update(training, completed=done),
        )
        policy = trained.policy.sampling(fleet.policy.chains, fleet.policy.iterations)
        calibration = progress.add_task("calibration", total=recipe.calibration_ticks)
        choice = fleet.environment
        environment = make_environment(choice.backend, choice.task, contract, fleet.robots.count)
        uncertainties_TN = run_without_teleoperation(
            environment,
            supervisors_of(fleet, seed),
            policy,
            fleet.allocation,
            ticks=recipe.calibration_ticks,
            seed=seed,
            advance=lambda: progress.advance(calibration),
        )
        environment.close()
    threshold = calibrated_threshold(uncertainties_TN, recipe.calibration_percentile)
    command = f"fleet pretrain --fleet {fleet.fleet} --seed {seed}"
    about = describe(policy, contract, threshold=threshold, dataset=dataset, command=command)
    write_checkpoint(fleet.policy.checkpoint, policy, about)
    print(f"{fleet.policy.checkpoint}: loss {trained.loss:.3f} nats, threshold {threshold:.3f} nats")


def _demonstrations(fleet: Fleet, contract: RobotContract, seed: int) -> Dataset:
    """Pairs of all supervisors, one robot each."""
    choice, styles = fleet.environment, fleet.supervisors.styles
    environment = make_environment(choice.backend, choice.task, contract, len(styles))
    supervisors = [make_supervisor(choice.task, style, seed, index) for index, style in enumerate(styles)]
    try:
        return demonstrate(environment, supervisors, fleet.pretraining.pairs, seed)
    finally:
        environment.close()
