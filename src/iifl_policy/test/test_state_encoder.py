"""State encoders see the state alone, and are trained with the energies.

E ensemble members, B batch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.scaling import fit_scaling
from fleet_learning.state_encoder import StateEncoderShape
from iifl_policy.energy import EnergyShape
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import REFERENCE
from iifl_policy.loss import LossConfig
from iifl_policy.polish import Polish

STATE_DIM, ACTION_DIM, WIDTH = 8, 6, 32
LOW, HIGH = -torch.ones(ACTION_DIM), torch.ones(ACTION_DIM)
CONFIG = ImplicitConfig(
    EnergyShape(WIDTH, ACTION_DIM, width=WIDTH, depth=2),
    sampler=replace(REFERENCE, iterations=10),
    chains=32,
    polish=Polish(chains=4),
    loss=LossConfig(sampler=replace(REFERENCE, iterations=5), gradient_margin=10.0),
    optimizer=OptimizerConfig(batch_size=64, learning_rate=3e-3),
    encoder=StateEncoderShape(STATE_DIM, width=WIDTH, depth=2),
)


def test_encoders_are_their_layers_one_member_after_the_other():
    shape = StateEncoderShape(state_dim=5, width=7, depth=3)
    encoders = shape.new(2, torch.Generator().manual_seed(1))
    states_EBI = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(2))
    features = encoders(states_EBI)
    assert features.shape == (2, 4, shape.features)
    for member in range(2):
        hidden = states_EBI[member]
        for weight, bias in zip(encoders.weights, encoders.biases, strict=True):
            layer = nn.Linear(weight.shape[1], weight.shape[2])
            layer.load_state_dict({"weight": weight[member].T, "bias": bias[member, 0]})
            hidden = torch.relu(layer(hidden))
        torch.testing.assert_close(features[member], hidden)


def test_policies_learn_through_a_state_encoder():
    rng = np.random.default_rng(0)
    states, first, second = (rng.normal(size=size) for size in ((500, STATE_DIM), (STATE_DIM, 16), (16, ACTION_DIM)))
    actions = 0.9 * np.tanh(np.tanh(states @ first / 2) @ second / 2)
    dataset = Dataset(states.astype(np.float32), actions.astype(np.float32))
    scaling = fit_scaling(torch.as_tensor(dataset.observations_B), LOW, HIGH)
    new = new_implicit(CONFIG, scaling, torch.Generator().manual_seed(0))
    learned = new.fit(dataset, steps=300, seed=0).policy
    decision = learned.decide(dataset.observations_B, torch.Generator())
    assert np.sqrt(np.square(decision.actions_NA - actions).mean()) < actions.std() / 2
    untaught = replace(learned, encoders=new.encoders).decide(dataset.observations_B, torch.Generator())
    assert np.sqrt(np.square(untaught.actions_NA - actions).mean()) > actions.std() / 2
