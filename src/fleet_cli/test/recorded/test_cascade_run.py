"""A run whose decider continues from tick to tick: the nodes decide as the same object does in one process, and so does a replay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bags import messages
from conftest import TINY, TINY_SEED, Ended, fleet, up

from fleet_contract.fleet import read_fleet
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.deployment import deployed
from fleet_learning.policy_store import PolicyStore
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from iifl_policy.cascade import Cascade
from sim_bridge.backends import make_environment

pytestmark = pytest.mark.slow

TICKS = 12
"""Ticks with one retraining, at tick 8."""


@pytest.fixture(scope="module")
def cascade_run(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Ended:
    file = tiny.with_name("cascade.yaml")
    choice = "policy: {decider: cascade, sampler: langevin, uncertainty: variance, precision: bfloat16, "
    threshold = "allocation: {thresholds: {uncertainty: 0.001}, "
    file.write_text(TINY.replace("policy: {", choice).replace("allocation: {", threshold).replace("[8, 16]", "[8]"))
    words = ("--fleet", str(file), "--ticks", str(TICKS), "--headless", "--seed", str(TINY_SEED))
    return up(tmp_path_factory.mktemp("cascade") / "run", *words)


def test_the_nodes_decide_as_the_same_decider_in_one_process(cascade_run: Ended) -> None:
    assert cascade_run.code == 0, cascade_run.err
    file = read_fleet(cascade_run.folder / "fleet.yaml")
    contract = file.contract()
    assert (file.policy.decider, file.policy.uncertainty, file.policy.precision) == ("cascade", "variance", "bfloat16")
    first, _ = read_checkpoint(file.policy.require_checkpoint(), contract)
    second = PolicyStore(cascade_run.folder / "policies", first_version=2).read(2, contract).policy
    environment = make_environment("mujoco", "block_push", contract, 4)
    loop = FleetLoop(
        environment, supervisors_of(file, TINY_SEED), deployed(first, file), file.allocation, seed=TINY_SEED
    )
    assert isinstance(loop.decider, Cascade)
    proposals = messages(cascade_run.folder / "bag", "/policy_action")
    signals = messages(cascade_run.folder / "bag", "/uncertainty")["/fleet/signals/uncertainty"]
    for number in range(TICKS):
        if number == 8:
            # The chains of a new policy version begin anew.
            loop.decider = deployed(second, file)
        tick = loop.tick()
        np.testing.assert_allclose(signals[number].values, tick.uncertainties_N, rtol=1e-6, atol=1e-9)
        for robot, action in zip(file.robot_names, tick.actions, strict=True):
            if action.source.name == "POLICY":
                np.testing.assert_allclose(
                    proposals[f"/{robot}/policy_action"][number].values, action.values, rtol=1e-6, atol=1e-9
                )
    environment.close()


def test_a_replay_repeats_every_decision(cascade_run: Ended) -> None:
    done = fleet("replay", str(cascade_run.folder), "--headless", "--report", "again", cwd=cascade_run.folder.parent)
    assert done.returncode == 0, done.stderr
    comparison = json.loads((cascade_run.folder.parent / "again/comparison.json").read_text())
    assert comparison["same"], comparison
    assert comparison["uncertainties"]["equal"] == 4 * TICKS
