"""The size of the monitor experiment."""

from __future__ import annotations

from dataclasses import dataclass

from fleet_monitor.world_model import SMALL, WorldModelConfig


@dataclass(frozen=True)
class Scale:
    """How much is run."""

    episodes: int = 10
    """Episodes of every robot in a round, and in each set of rollouts of the passive comparison; there are two robots per task."""
    rounds: int = 3
    """Rounds in which humans help, after the rollouts of the first policy."""
    first_steps: int = 1500
    """Gradient steps of the first policy."""
    round_steps: int = 600
    """Gradient steps of the policy after every round."""
    world_model: WorldModelConfig = SMALL
    autoencoder_steps: int = 2500
    dynamics_steps: int = 1500
    every: int = 2
    """Futures of a robot are imagined at every so many-th tick of the rounds."""
    budget: float = 0.15
    """Share of the frames of the first policy's rollouts at which each monitor may ask for help: the human effort that is the same for
    all."""
