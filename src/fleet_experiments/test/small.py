"""A small setting in the maze, for tests of the machinery."""

from __future__ import annotations

from pathlib import Path

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_learning.optimization import OptimizerConfig
from fleet_training.setting import Setting
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape
from iifl_policy.implicit import ImplicitConfig
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.uniform import Uniform

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/pointbot.yaml", RobotContract)
OPTIMIZER = OptimizerConfig(batch_size=16, learning_rate=1e-3)
SMALL = Setting(
    env="maze",
    backend="numpy",
    task="windy_navigation",
    demonstration_task="navigation",
    contract=CONTRACT,
    episode_ticks=None,
    robots=4,
    supervisors=2,
    styles=("either", "up"),
    ticks=30,
    demonstrations=2,
    whole_episodes=True,
    demonstration_noise=0.0,
    stream="state",
    pretraining_steps=6,
    update_ticks=(10, 20, 30),
    online_steps=9,
    calibration_ticks=5,
    calibration_percentile=80.0,
    threshold=None,
    idle_humans=True,
    budget_per_tick=0.7,
    intervention_ticks=3,
    hard_reset_ticks=2,
    implicit=ImplicitConfig(
        EnergyShape(2, 2, width=8, depth=1),
        sampler=Uniform(),
        chains=16,
        loss=LossConfig(sampler=Langevin(iterations=2)),
        optimizer=OPTIMIZER,
    ),
    explicit=ExplicitConfig(ExplicitShape(2, 2, members=3, width=8, depth=1), optimizer=OPTIMIZER),
)
