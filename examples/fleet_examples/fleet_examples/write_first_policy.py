"""Writes the demonstrations and the first policy that a fleet file names: python -m fleet_examples.write_first_policy FLEET_FILE."""

import sys
from pathlib import Path

import torch

from fleet_contract.fleet import read_fleet
from fleet_examples.nearest import Nearest, NearestConfig
from fleet_learning.checkpoint import checkpoint_metadata, write_checkpoint
from fleet_learning.scaling import contract_scaling
from fleet_supervisors.supervisors import make_supervisor
from fleet_training.calibration import recorded_calibration
from fleet_training.demonstrations import demonstrate
from sim_bridge.backends import make_environment

fleet = read_fleet(Path(sys.argv[1]))
contract, task = fleet.contract(), fleet.environment.task
environment = make_environment(fleet.environment.backend, task, contract, robots=1)
supervisor = make_supervisor(task, fleet.style_of(0), contract, seed=0, index=0)
pairs, others = (demonstrate(environment, [supervisor], fleet.pretraining.pairs, seed) for seed in (0, 1))

untrained = Nearest(
    NearestConfig((contract.state_dim,), contract.action_dim),
    contract_scaling(contract, pairs),
    torch.empty(0, contract.state_dim),
    torch.empty(0, contract.action_dim),
)
policy = untrained.fit(pairs, steps=1, seed=0).policy
# Robots ask for help in states that are further from the demonstrations than others of the same supervisor.
calibration = recorded_calibration(fleet, policy, others.observations_B, seed=0)

pairs.save(fleet.training.demonstrations)
about = checkpoint_metadata(policy, contract, calibrations=(calibration,), dataset=pairs, command=" ".join(sys.argv))
write_checkpoint(fleet.policy.require_checkpoint(), policy, about)
