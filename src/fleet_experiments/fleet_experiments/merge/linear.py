"""Merging linear controllers that imitate the experts of different linear systems (FLEET-MERGE, appendix G.5, figure 13)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fleet_experiments.merge.linear_imitation import imitated, pooled
from fleet_experiments.merge.linear_system import LinearSystem, aircraft
from fleet_experiments.merge.scale import Scale
from fleet_experiments.results import Row, run_of
from fleet_training.first_policy import OnProgress
from policy_merge.linear_controller import (
    LinearController,
    averaged_controllers,
    merged_by_permutation,
    merged_by_transformation,
)

SENSORS = 50
"""p, as in the paper."""
DIVERGED = 1e6
"""Cost, in costs of the expert, from which a controller counts as one that does not stabilise the system."""


def linear_runs(scale: Scale, seed: int, folder: Path, on_progress: OnProgress) -> list[Row]:  # noqa: ARG001
    """Merge the controllers of a stable and an unstable aircraft with different costs, and return their closed-loop costs."""
    rows: list[Row] = []
    for number, unstable in enumerate((False, True)):
        on_progress("linear systems", number, 2)
        state_costs = np.logspace(-2, 2, scale.controllers)
        systems = [aircraft(unstable=unstable, outputs=SENSORS, state_cost=cost, seed=seed) for cost in state_costs]
        experts = [system.expert() for system in systems]
        shown = [
            system.rolled_out([expert], scale.trajectories, scale.trajectory_steps, seed + index)
            for index, (system, expert) in enumerate(zip(systems, experts, strict=True))
        ]
        observed, controls = (np.concatenate([own[part] for own in shown]) for part in (0, 1))
        hidden = len(systems[0].dynamics)
        own = imitated(observed, controls, hidden, scale.linear_steps, seed)
        merged = {
            "joint": imitated(pooled(list(observed)), pooled(list(controls)), hidden, scale.linear_steps, seed)[0],
            "average": averaged_controllers(own),
            "permutation": merged_by_permutation(own),
            "linear change": merged_by_transformation(own),
        }
        candidates = {"own": own} | {name: [controller] * len(systems) for name, controller in merged.items()}
        env = "unstable aircraft" if unstable else "aircraft"
        for name, controllers in candidates.items():
            ratios = _costs(systems, controllers, experts, scale, seed)
            stable = [ratio for ratio in ratios if ratio < DIVERGED]
            rows.append(
                run_of(env, name, seed, "linear")
                | {
                    "cost": float(np.exp(np.mean(np.log(stable)))) if stable else None,
                    "diverged": len(ratios) - len(stable),
                }
            )
    return rows


def _costs(
    systems: Sequence[LinearSystem],
    controllers: Sequence[LinearController],
    experts: Sequence[LinearController],
    scale: Scale,
    seed: int,
) -> list[float]:
    """Return each system's cost with its controller as a multiple of its cost with its expert, with the same noises."""
    ratios = []
    for system, *pair in zip(systems, controllers, experts, strict=True):
        _, _, (own, expert) = system.rolled_out(pair, scale.trajectories, scale.trajectory_steps, seed + 1000)
        ratios.append(float(own / expert) if np.isfinite(own) else np.inf)
    return ratios
