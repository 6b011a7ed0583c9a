"""The configs of a fleet's policies, as its fleet file describes them."""

from __future__ import annotations

from dataclasses import replace

from fleet_contract.fleet import Fleet, PretrainingConfig
from fleet_contract.robot import RobotContract
from fleet_learning.augmentation import Augmentation
from fleet_learning.encoder import EncoderShape
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.state_encoder import StateEncoderShape
from iifl_policy.derivative_free import DerivativeFree
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape
from iifl_policy.implicit import SAMPLERS, ImplicitConfig, with_effort
from iifl_policy.langevin import CORRECTED, REFERENCE, Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.polish import Polish
from iifl_policy.uniform import FILLED_DIMS, Uniform

COUNTER_EXAMPLE_SAMPLERS = {"corrected": CORRECTED, "reference": REFERENCE}


def implicit_config(fleet: Fleet, contract: RobotContract) -> ImplicitConfig:
    """Return the config of the fleet's implicit policies.

    Raises:
        InputError: the policy observes camera images, and the robots have no camera.
    """
    pretraining = fleet.pretraining
    encoder: EncoderShape | None = _image_encoder(pretraining, contract)
    if encoder is None and pretraining.state_depth:
        encoder = StateEncoderShape(contract.state_dim, pretraining.width, pretraining.state_depth)
    return ImplicitConfig(
        EnergyShape(
            encoder.features if encoder else contract.state_dim,
            contract.action_dim,
            width=pretraining.width,
            depth=pretraining.depth,
        ),
        sampler=_sampler(fleet, contract),
        chains=fleet.policy.chains,
        polish=Polish(chains=pretraining.polish) if pretraining.polish else None,
        loss=LossConfig(
            sampler=replace(
                COUNTER_EXAMPLE_SAMPLERS[pretraining.counter_example_sampler],
                iterations=pretraining.counter_example_iterations,
            ),
            gradient_margin=pretraining.gradient_margin,
        ),
        optimizer=_optimizer(pretraining),
        encoder=encoder,
        augmentation=_augmentation(pretraining),
    )


def explicit_config(fleet: Fleet, contract: RobotContract) -> ExplicitConfig:
    """Return the config of the fleet's explicit policies, which have the IFL benchmark's size.

    Raises:
        InputError: the policy observes camera images, and the robots have no camera.
    """
    encoder = _image_encoder(fleet.pretraining, contract)
    return ExplicitConfig(
        ExplicitShape(encoder.features if encoder else contract.state_dim, contract.action_dim),
        optimizer=_optimizer(fleet.pretraining),
        encoder=encoder,
        augmentation=_augmentation(fleet.pretraining),
    )


def _sampler(fleet: Fleet, contract: RobotContract) -> Langevin | Uniform | DerivativeFree:
    default = Uniform.kind if contract.action_dim <= FILLED_DIMS else Langevin.kind
    sampler = SAMPLERS[fleet.policy.sampler or default]()
    return with_effort(sampler, fleet.policy.iterations, fleet.policy.step_sizes)


def _image_encoder(pretraining: PretrainingConfig, contract: RobotContract) -> ImageEncoderShape | None:
    if pretraining.observes == "state":
        return None
    height, width, channels = contract.observed_shape("camera")
    return ImageEncoderShape(height, width, channels, pretraining.filters)


def _augmentation(pretraining: PretrainingConfig) -> Augmentation:
    return Augmentation(shift_px=(-pretraining.shift_px, pretraining.shift_px))


def _optimizer(pretraining: PretrainingConfig) -> OptimizerConfig:
    return OptimizerConfig(
        batch_size=pretraining.batch_size,
        learning_rate=pretraining.learning_rate,
        decay=pretraining.learning_rate_decay,
    )
