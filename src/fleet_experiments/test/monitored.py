"""Defines a small setup in the maze, whose policy sometimes reaches the goal, and a small monitor for it."""

from __future__ import annotations

from dataclasses import replace

from small import FLEET, SMALL

from fleet_monitor.dynamics import DynamicsShape
from fleet_monitor.state_scaling import StateShape
from fleet_monitor.world_model import WorldModelConfig
from fleet_training.algorithms import MONITORED
from fleet_training.first_monitor import FirstMonitor
from fleet_training.learning_setup import learning_setup

_SETUP = learning_setup(
    FLEET.with_changes(
        source="test",
        training={"update_ticks": (40, 70), "gradient_steps": 3},
        pretraining={"width": 32, "depth": 2, "gradient_steps": 400, "batch_size": 64},
    ),
    ticks=90,
)
SETUP = replace(
    _SETUP,
    implicit=replace(_SETUP.implicit, sampler=SMALL.implicit.sampler),
    demonstration_task="navigation",
    demonstrated_episodes=4,
)
FIRST_MONITOR = FirstMonitor(
    ticks=400,
    world_model=WorldModelConfig(
        StateShape(2), DynamicsShape(embedding=16, layers=1, heads=2, context=3, horizon=3), futures=4
    ),
    dynamics_steps=20,
)
ALGORITHM = MONITORED["iifl_firework"]
