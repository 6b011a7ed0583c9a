"""Policies declare the permutation symmetries that they really have.

E ensemble members, N robots, B pairs, K actions.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_learning.dataset import new_dataset
from fleet_learning.encoder import encode
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.mergeable import Mergeable
from fleet_learning.optimization import OptimizerConfig, OptimizerState
from fleet_learning.scaling import Scaling
from fleet_learning.state_encoder import StateEncoderShape
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.uniform import Uniform

STATE_DIM, ACTION_DIM, MEMBERS = 5, 2, 2
CAMERA = ImageEncoderShape(12, 16, 3, (4, 5, 3))
ENCODERS = {"state": None, "state_depth": StateEncoderShape(STATE_DIM, 6, 2), "camera": CAMERA}
KINDS = [kind for kind in product(("explicit", "implicit"), ENCODERS) if kind != ("explicit", "state_depth")]


def make(kind, encoder, seed=0, depth=2):
    """A policy whose members and biases all differ."""
    shape = ENCODERS[encoder]
    sizes = {"state_dim": shape.features if shape else STATE_DIM, "action_dim": ACTION_DIM, "members": MEMBERS}
    channels = CAMERA.channels if encoder == "camera" else STATE_DIM
    scaling = Scaling(torch.full((channels,), 0.1), torch.full((channels,), 2.0), -torch.ones(2), torch.ones(2))
    generator = torch.Generator().manual_seed(seed)
    policy = (
        new_explicit(ExplicitConfig(ExplicitShape(**sizes, width=7, depth=depth), encoder=shape), scaling, generator)
        if kind == "explicit"
        else new_implicit(
            ImplicitConfig(
                EnergyShape(**sizes, width=7, depth=depth),
                encoder=shape,
                sampler=Uniform(),
                chains=16,
                loss=LossConfig(sampler=Langevin(iterations=3)),
                optimizer=OptimizerConfig(learning_rate=3e-3),
            ),
            scaling,
            generator,
        )
    )
    return policy.with_state(
        {name: own + 0.1 * torch.randn(own.shape, generator=generator) for name, own in policy.tensors().items()},
        OptimizerState(),
    )


def pairs(policy, seed=0, count=9):
    random = np.random.default_rng(seed)
    shape = policy.config.observed_shape
    observed_B = random.normal(size=(count, *shape)) if len(shape) == 1 else random.integers(0, 256, (count, *shape))
    return new_dataset(observed_B, random.uniform(-1, 1, (count, ACTION_DIM)))


def member(policy, index):
    return {name: own[index : index + 1] for name, own in policy.tensors().items()}


def as_double(policy):
    """The same policy, in whose outputs rounding does not hide an error."""
    scaling = Scaling(**{name: own.double() for name, own in policy.scaling.tensors().items()})
    tensors = {name: own.double() for name, own in policy.tensors().items()}
    return replace(policy, scaling=scaling).with_state(tensors, OptimizerState())


@given(st.sampled_from(KINDS), st.integers(1, 3), st.integers(0, 2**20))
@settings(deadline=None, max_examples=60)
def test_a_policy_decides_the_same_when_the_units_of_every_member_change_places(kind, depth, seed):
    policy, generator = make(*kind, seed, depth), torch.Generator().manual_seed(seed)
    symmetries = policy.member_network.symmetries
    members = [symmetries.reordered(member(policy, index), symmetries.random(generator)) for index in range(MEMBERS)]
    moved = policy.with_state(
        {name: torch.cat([own[name] for own in members]) for name in policy.tensors()}, OptimizerState()
    )
    assert any((own != policy.tensors()[name]).any() for name, own in moved.tensors().items())
    observed_N = pairs(policy, seed).observations_B
    expected, decision = (own.decide(observed_N, torch.Generator().manual_seed(1)) for own in (policy, moved))
    np.testing.assert_allclose(decision.actions_NA, expected.actions_NA, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(decision.uncertainties_N, expected.uncertainties_N, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_of_a_member_is_that_of_the_policy(kind):
    policy = as_double(make(*kind))
    network, observed = policy.member_network, policy.observed_by_members(pairs(policy), torch.Generator())
    observed_EB = observed.observations_B.expand(MEMBERS, *observed.observations_B.shape)
    for index in range(MEMBERS):
        outputs = network.outputs(member(policy, index), observed)
        features_EBS = encode(policy.encoders, observed_EB)
        if kind[0] == "explicit":
            expected = policy.net(features_EBS)[index]
        else:
            features_EBW = policy.model.features(features_EBS)
            actions_EBKA = observed.actions_BKA.expand(MEMBERS, *observed.actions_BKA.shape)
            expected = policy.model(features_EBW, actions_EBKA)[index][..., None]
        torch.testing.assert_close(outputs, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_activations_move_with_their_units_and_linear_maps_explain_them(kind):
    policy = as_double(make(*kind))
    network, observed = policy.member_network, policy.observed_by_members(pairs(policy), torch.Generator())
    parameters, orders = member(policy, 0), network.symmetries.random(torch.Generator().manual_seed(2))
    network.symmetries.require(parameters)
    before = network.activations(parameters, observed)
    after = network.activations(network.symmetries.reordered(parameters, orders), observed)
    assert before.keys() == network.symmetries.layers.keys()
    for layer, order in orders.items():
        torch.testing.assert_close(after[layer], before[layer][:, order], rtol=1e-10, atol=1e-12)
    inputs, explained = network.inputs(parameters, observed), 0
    assert inputs.keys() == {linear.weight for linear in network.linears}
    for linear in network.linears:
        outputs = inputs[linear.weight] @ parameters[linear.weight][0] + parameters[linear.bias][0]
        explained += any(torch.relu(outputs).allclose(own) for own in before.values() if own.shape == outputs.shape)
    hidden = [layer for layer in before if kind[1] != "camera" or not layer.startswith("encoder")]
    assert explained == len(hidden) == len(network.linears) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_imitates_better_has_a_smaller_loss(kind):
    policy = make(*kind)
    assert isinstance(policy, Mergeable)
    shown = pairs(policy, count=40)
    trained = policy.fit(shown, steps=60, seed=0).policy

    def loss(own):
        observed = own.observed_by_members(shown, torch.Generator().manual_seed(3))
        return float(own.imitation_loss(member(own, 0), observed))

    assert loss(trained) < loss(policy)
