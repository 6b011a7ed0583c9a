"""Simulations in MuJoCo Warp behave like those in MuJoCo. Without a GPU, MuJoCo Warp takes minutes to compile."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from positions import positions

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge.backends import BENCHMARK, make_environment
from sim_bridge.benchmark.fleet import SimulatedFleet, simulate_here
from sim_bridge.benchmark.tasks import KINDS

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}
INSTALLED = importlib.util.find_spec("mujoco_warp") is not None
WARP = pytest.mark.skipif(not INSTALLED, reason="mujoco_warp is not installed")
FEW_TICKS, TICKS = 5, 15


@pytest.mark.skipif(INSTALLED, reason="mujoco_warp is installed")
@pytest.mark.parametrize("task", BENCHMARK)
def test_without_mujoco_warp_the_error_says_what_to_install(task):
    with pytest.raises(
        InputError,
        match=r"expected the package mujoco_warp for mujoco_warp, which is not installed: install mujoco-warp==4\.0\.0",
    ):
        make_environment("mujoco_warp", task, CONTRACTS[task], 2)


@WARP
@pytest.mark.parametrize("task", BENCHMARK)
def test_robots_move_as_on_the_cpu(task):
    """Single precision deviates from double, the faster the more contacts there are, such as the feet of an ant."""
    from sim_bridge.benchmark.warp_simulations import WarpSimulations

    fleets = [
        SimulatedFleet(KINDS[task], CONTRACTS[task], 3, np.inf, None, simulate)
        for simulate in (simulate_here, WarpSimulations)
    ]
    starts = [fleet.reset(1).states_NS for fleet in fleets]
    np.testing.assert_allclose(starts[1], starts[0], atol=1e-3)
    placed, rng = positions(CONTRACTS[task]), np.random.default_rng(0)
    kinds_N = np.array([ActionKind.MOVE, ActionKind.HOLD, ActionKind.MOVE])
    for tick in range(TICKS):
        actions_NA = 0.3 * rng.uniform(-1, 1, (3, CONTRACTS[task].action_dim))
        here, there = (fleet.step(kinds_N, actions_NA) for fleet in fleets)
        off = np.abs(there.states_NS - here.states_NS)[:, placed].max()
        assert off < (1e-3 if tick < FEW_TICKS else 0.1), (tick, off)
    np.testing.assert_array_equal(
        there.states_NS[1], starts[1][1], "the state of a robot that holds stays bit for bit the same"
    )
    np.testing.assert_array_equal(there.violated_N, here.violated_N)
