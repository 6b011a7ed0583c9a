"""The parts of this package keep the rules of the stack."""

from pathlib import Path

import numpy as np
import torch
from fleet_examples.nearest import Nearest, NearestConfig
from fleet_examples.standstill import Standstill

from fleet_allocator.allocation_rule import make_rule
from fleet_allocator.conformance import RuleConformance
from fleet_contract.fleet import AllocationConfig
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_learning.conformance import PolicyConformance, SignalConformance
from fleet_learning.dataset import new_dataset
from fleet_learning.scaling import contract_scaling
from fleet_supervisors.conformance import SupervisorConformance
from fleet_supervisors.supervisors import make_supervisor
from sim_bridge.backends import make_environment
from sim_bridge.conformance import EnvironmentConformance

CONTRACT = read_yaml(Path(__file__).parents[1] / "grid_robot.yaml", RobotContract)


class TestNearest(PolicyConformance):
    contract = CONTRACT

    def make(self):
        pairs = new_dataset(np.random.default_rng(0).uniform(0, 10, (9, 4)), np.zeros((9, 2)))
        no_pairs = torch.empty(0, 4), torch.empty(0, 2)
        return (
            Nearest(NearestConfig((4,), 2), contract_scaling(CONTRACT, pairs), *no_pairs)
            .fit(pairs, steps=1, seed=0)
            .policy
        )


class TestStandstill(SignalConformance):
    contract = CONTRACT

    def make(self):
        return Standstill(patience_ticks=5)


class TestLongestWaiting(RuleConformance):
    def make(self):
        return make_rule(AllocationConfig(rule="longest_waiting"), self.supervisors)


class TestGrid(EnvironmentConformance):
    def make(self, robots):
        return make_environment("numpy", "grid", CONTRACT, robots)


class TestStraight(SupervisorConformance):
    contract = CONTRACT

    def make(self, generator):
        return make_supervisor("grid", "straight", CONTRACT, seed=0, index=0)
