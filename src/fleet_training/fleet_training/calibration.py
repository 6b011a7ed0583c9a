"""The run without teleoperation that calibrates an uncertainty threshold.

N robots, T ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fleet_contract.fleet import AllocationConfig
from fleet_learning.policy import Decider
from fleet_training.algorithms import RESETS_ONLY
from fleet_training.fleet_loop import FleetLoop
from sim_bridge.environment import Environment
from teleop_gui.supervisor import Supervisor


def run_without_teleoperation(
    environment: Environment,
    supervisors: Mapping[str, Supervisor],
    policy: Decider,
    allocation: AllocationConfig,
    *,
    ticks: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Return uncertainties (T, N) of a policy while humans give hard resets only (IIFL section 7.3.1), in the policy's unit.

    Not a number where a robot was in violation: the paper counts these too, but a robot that waits for its hard reset stays
    where it is unsure, and a few such robots would set the threshold for all.
    """
    changes = {"rule": "priority", "order": RESETS_ONLY, "thresholds": {}, "options": {}, "idle_humans": True}
    resets_only = allocation.model_copy(update=changes)
    loop = FleetLoop(environment, supervisors, policy, resets_only, seed)
    uncertainties = []
    for _ in range(ticks):
        tick = loop.tick()
        uncertainties.append(np.where(tick.violated_N, np.nan, tick.uncertainties_N))
        advance()
    return np.stack(uncertainties)
