"""The setting that a fleet file describes: the same file feeds the nodes and the experiments."""

from __future__ import annotations

from dataclasses import replace

from fleet_contract.fleet import Fleet, PretrainingConfig
from fleet_contract.robot import RobotContract
from fleet_learning.augmentation import Augmentation
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.state_encoder import StateEncoderShape
from fleet_training.setting import Setting
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape
from iifl_policy.implicit import ImplicitConfig
from iifl_policy.langevin import CORRECTED, REFERENCE, Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.polish import Polish

COUNTER_EXAMPLE_SAMPLERS = {"corrected": CORRECTED, "reference": REFERENCE}


def setting_of(fleet: Fleet, *, ticks: int) -> Setting:
    """A run of `ticks` ticks of this fleet.

    Raises:
        BadInput: the robots' contract cannot be used.
    """
    contract, recipe, allocation = fleet.contract(), fleet.pretraining, fleet.allocation
    sight = _sight(contract, recipe) if recipe.observes == "camera" else None
    ahead = StateEncoderShape(contract.state_dim, recipe.width, recipe.state_depth) if recipe.state_depth else None
    encoder = sight or ahead
    augmentation = Augmentation(shift_px=(-recipe.shift_px, recipe.shift_px))
    optimizer = OptimizerConfig(
        batch_size=recipe.batch_size, learning_rate=recipe.learning_rate, decay=recipe.learning_rate_decay
    )
    return Setting(
        env=fleet.fleet,
        backend=fleet.environment.simulator,
        task=fleet.environment.task,
        demonstration_task=fleet.environment.task,
        contract=contract,
        episode_ticks=fleet.environment.episode_ticks,
        robots=fleet.robots.count,
        supervisors=fleet.supervisors.count,
        styles=fleet.supervisors.styles,
        ticks=ticks,
        demonstrations=recipe.pairs,
        whole_episodes=False,
        demonstration_noise=recipe.demonstration_noise,
        stream=recipe.observes,
        pretraining_steps=recipe.gradient_steps,
        update_ticks=fleet.training.update_ticks,
        online_steps=fleet.training.gradient_steps * len(fleet.training.update_ticks),
        calibration_ticks=recipe.calibration_ticks,
        calibration_percentile=recipe.calibration_percentile,
        threshold=None if isinstance(allocation.threshold, str) else allocation.threshold,
        idle_humans=allocation.idle_humans,
        budget_per_tick=allocation.budget_per_tick or fleet.supervisors.count / 2,
        intervention_ticks=allocation.intervention_ticks,
        hard_reset_ticks=allocation.hard_reset_ticks,
        implicit=ImplicitConfig(
            EnergyShape(
                encoder.features if encoder else contract.state_dim,
                contract.action_dim,
                width=recipe.width,
                depth=recipe.depth,
            ),
            sampler=Langevin(iterations=fleet.policy.iterations),
            chains=fleet.policy.chains,
            polish=Polish(chains=recipe.polish) if recipe.polish else None,
            loss=LossConfig(
                sampler=replace(
                    COUNTER_EXAMPLE_SAMPLERS[recipe.counter_example_sampler],
                    iterations=recipe.counter_example_iterations,
                ),
                gradient_margin=recipe.gradient_margin,
            ),
            optimizer=optimizer,
            encoder=encoder,
            augmentation=augmentation,
        ),
        explicit=ExplicitConfig(
            ExplicitShape(sight.features if sight else contract.state_dim, contract.action_dim),
            optimizer=optimizer,
            encoder=sight,
            augmentation=augmentation,
        ),
    )


def _sight(contract: RobotContract, recipe: PretrainingConfig) -> ImageEncoderShape:
    height, width, channels = contract.observed_shape("camera")
    return ImageEncoderShape(height, width, channels, recipe.filters)
