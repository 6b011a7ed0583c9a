"""The policies, uncertainties and signals of the stack follow their protocols."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_learning.conformance import PolicyConformance, SignalConformance, UncertaintyConformance
from fleet_learning.dataset import new_dataset
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.scaling import contract_scaling
from fleet_learning.variance import Variance
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.jeffreys import Jeffreys
from iifl_policy.langevin import Langevin
from iifl_policy.risk import RiskConfig, new_critic
from iifl_policy.risk_signal import RiskSignal
from iifl_policy.uniform import Uniform

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)
BRIEF = OptimizerConfig(batch_size=8)
SHAPE = EnergyShape(6, 2, width=8, depth=1)
CONFIGS = {
    "explicit": ExplicitConfig(ExplicitShape(6, 2, members=3, width=8), optimizer=BRIEF),
    "explicit from images": ExplicitConfig(
        ExplicitShape(8, 2, members=2, width=8), optimizer=BRIEF, encoder=ImageEncoderShape(96, 96, filters=(2, 2, 4))
    ),
    "Langevin": ImplicitConfig(SHAPE, sampler=Langevin(iterations=3), chains=16, optimizer=BRIEF),
    "uniform": ImplicitConfig(SHAPE, sampler=Uniform(), chains=16, optimizer=BRIEF),
}


def scaling(observations):
    return contract_scaling(CONTRACT, new_dataset(observations, np.zeros((len(observations), 2))))


class TestPolicies(PolicyConformance):
    contract = CONTRACT

    @pytest.fixture(autouse=True, params=CONFIGS)
    def choose(self, request):
        self.config = CONFIGS[request.param]

    def make(self):
        generator = np.random.default_rng(0)
        states = generator.uniform(-0.5, 0.5, (20, 6))
        images = generator.integers(0, 256, (4, 96, 96, 3), dtype=np.uint8)
        new = new_explicit if isinstance(self.config, ExplicitConfig) else new_implicit
        observed = images if self.config.observes == "camera" else states
        return new(self.config, scaling(observed), torch.Generator().manual_seed(0))


class TestUncertainties(UncertaintyConformance):
    @pytest.fixture(autouse=True, params=[Jeffreys, Variance])
    def choose(self, request):
        self.make = request.param


class TestRisk(SignalConformance):
    contract = CONTRACT

    def make(self):
        states = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 6))
        return RiskSignal(new_critic(RiskConfig(6, 2, width=8), scaling(states), torch.Generator().manual_seed(0)))
