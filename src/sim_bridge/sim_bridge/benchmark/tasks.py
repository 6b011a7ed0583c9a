"""The benchmark's tasks by name.

To add one, define its `TaskKind` (see `ball_balance.py` for the smallest) and add it to `KINDS` and to `sim_bridge.backends.BENCHMARK`,
it and its supervisors to the entry points in the setup.py of sim_bridge and fleet_supervisors, its contract to launch/config/robots, and measure its expert's return with
`./fleet experiment expert`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fleet_contract.validation import InputError
from sim_bridge.benchmark.ant import ANT
from sim_bridge.benchmark.anymal import ANYMAL
from sim_bridge.benchmark.ball_balance import BALL_BALANCE
from sim_bridge.benchmark.expert_return import EVERY, read_expert_return
from sim_bridge.benchmark.fleet import SimulatedFleet, simulate_here
from sim_bridge.benchmark.franka_cube_stack import FRANKA_CUBE_STACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_contract.robot import RobotContract
    from sim_bridge.benchmark.simulations import Simulations
    from sim_bridge.benchmark.task import TaskKind
    from sim_bridge.headless_mujoco import mujoco

KINDS: Mapping[str, TaskKind] = {
    "ball_balance": BALL_BALANCE,
    "ant": ANT,
    "anymal": ANYMAL,
    "franka_cube_stack": FRANKA_CUBE_STACK,
}
SUCCESS_SHARE = 0.95
"""Share of the expert's mean return from which an episode is a success (IIFL section 5.2)."""
COMPLETED = ("franka_cube_stack",)
"""Tasks whose success is their completion, whatever the return."""


def benchmark_fleet(
    task: str,
    contract: RobotContract,
    robots: int,
    horizon: int | None = None,
    simulate: Callable[[mujoco.MjModel, int], Simulations] = simulate_here,
) -> SimulatedFleet:
    """Return robots at a task, with episodes of `horizon` control steps (default: the task's own number).

    Raises:
        InputError: the contract is not that of the task, or the horizon is longer than the task's.
        ValueError: there are no robots.
    """
    kind = KINDS[task]
    ticks = kind.horizon if horizon is None else horizon
    if not 1 <= ticks <= kind.horizon or ticks % EVERY:
        raise InputError(
            f"environment.episode_ticks: expected a multiple of {EVERY} up to {kind.horizon} with task {task}, got {ticks}."
        )
    success_return = math.inf if task in COMPLETED else SUCCESS_SHARE * read_expert_return(task).after(ticks)
    return SimulatedFleet(kind, contract, robots, success_return, ticks, simulate)
