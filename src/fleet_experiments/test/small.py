"""Defines a small setup in the maze for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
from fleet_training.learning_setup import learning_setup
from iifl_policy.explicit import ExplicitShape
from iifl_policy.uniform import Uniform

CONTRACT_FILE = Path(__file__).parents[3] / "launch/config/robots/pointbot.yaml"
FLEET = Fleet(
    fleet="maze",
    robots=RobotsConfig(contract=CONTRACT_FILE, count=4),
    environment=EnvironmentConfig(backend="numpy", task="windy_navigation"),
    supervisors=SupervisorsConfig(count=2, styles=("either", "up")),
    policy=PolicySelection(checkpoint=None, chains=16),
    allocation=AllocationConfig(intervention_ticks=3, hard_reset_ticks=2),
    training=TrainingConfig(demonstrations=Path("demonstrations.npz"), update_ticks=(10, 20, 30), gradient_steps=3),
    pretraining=PretrainingConfig(
        width=8,
        depth=1,
        gradient_steps=6,
        batch_size=16,
        learning_rate=1e-3,
        counter_example_iterations=2,
        calibration_ticks=5,
        calibration_percentile=80.0,
    ),
)
_SETUP = learning_setup(FLEET, ticks=30)
CONTRACT = _SETUP.contract
SMALL = replace(
    _SETUP,
    implicit=replace(_SETUP.implicit, sampler=Uniform()),
    explicit=replace(_SETUP.explicit, shape=ExplicitShape(2, 2, members=3, width=8, depth=1)),
    demonstration_task="navigation",
    demonstrated_episodes=2,
    random_budget_per_tick=0.7,
)
