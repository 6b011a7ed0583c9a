"""A fleet ranked by a critic's risk gives the same leases over ROS 2 as in one process, with dismissed alarms as well."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from bags import messages
from conftest import up
from test_bad_input import write

from fleet_contract.fleet import read_fleet
from fleet_contract.lease_table import lease_table_of
from fleet_contract.signal import RISK
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.dataset import new_dataset
from fleet_learning.deployment import deployed
from fleet_learning.scaling import contract_scaling
from fleet_learning.signal_provider import read_provider
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from iifl_policy.risk import RiskConfig, new_critic
from iifl_policy.risk_signal import write_critic
from sim_bridge.backends import make_environment

pytestmark = pytest.mark.slow
TICKS = 12
ORDER = ["risk", "violation", "uncertainty"]


DOUBTFUL = """
from dataclasses import replace

from fleet_supervisors.push import PushSupervisor


class Doubtful(PushSupervisor):
    def __init__(self, request):
        super().__init__(replace(request, style="clockwise"))

    def needs_help(self, state_S):
        return state_S[0] > 0
"""
"""A module with a supervisor who believes half of the alarms."""


@pytest.mark.parametrize("style", ["clockwise", "doubtful:Doubtful"])
def test_risk_works_over_ros_2_as_in_process(style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doubtful.py").write_text(DOUBTFUL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    path = write(
        tmp_path,
        lambda content: content.update(
            allocation={"order": ORDER, "intervention_ticks": 1, "hard_reset_ticks": 2},
            signals=[{"provider": "risk_critic", "checkpoint": "critic.safetensors"}],
            supervisors=content["supervisors"] | {"styles": [style]},
        ),
    )
    contract = read_fleet(path).contract()
    states_BS = np.random.default_rng(0).uniform(-0.5, 0.5, (64, contract.state_dim))
    pairs = new_dataset(states_BS, np.zeros((64, contract.action_dim)))
    # Risks of an untrained critic are around its threshold, so that some robots ask and others do not.
    config = RiskConfig(contract.state_dim, contract.action_dim, width=16)
    critic = new_critic(config, contract_scaling(contract, pairs), torch.Generator().manual_seed(3))
    write_critic(tmp_path / "critic.safetensors", critic, contract, threshold=0.5)

    ended = up(tmp_path / "out", "--fleet", str(path), "--ticks", str(TICKS), "--headless", "--seed", "5")
    assert ended.code == 0, ended.err
    streams = messages(ended.folder / "bag", "/fleet/leases", "/fleet/signals/risk")
    assert [signal.tick for signal in streams["/fleet/signals/risk"]] == list(range(TICKS))
    assert {(signal.unit, signal.provider, signal.threshold) for signal in streams["/fleet/signals/risk"]} == {
        ("1", "risk_critic", 0.5)
    }

    fleet = read_fleet(ended.folder / "fleet.yaml")
    policy, _ = read_checkpoint(fleet.policy.require_checkpoint(), contract)
    environment = make_environment("mujoco", "block_push", contract, 4)
    loop = FleetLoop(
        environment,
        supervisors_of(fleet, 5),
        deployed(policy, fleet),
        fleet.allocation,
        seed=5,
        providers=[read_provider(fleet.signals[0], fleet)],
    )
    tables = [lease_table_of(message) for message in streams["/fleet/leases"]]
    in_process = [loop.tick() for _ in range(TICKS)]
    environment.close()
    assert tables == [tick.table for tick in in_process]
    assert {lease.signal for table in tables for lease in table.leases} >= {RISK}
    assert any(table.dismissals for table in tables) == (style != "clockwise")
    for signal, tick in zip(streams["/fleet/signals/risk"], in_process, strict=True):
        assert signal.values.tolist() == tick.signals[RISK].tolist()
