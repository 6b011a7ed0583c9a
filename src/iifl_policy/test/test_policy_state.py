"""A policy resumes from named tensors as if it had never been written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.policy_state import policy_from_state, state_tensors
from fleet_learning.scaling import fit_scaling
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.uniform import Uniform

OPTIMIZER = OptimizerConfig(batch_size=4, learning_rate=1e-2, decay_steps=2)
SCALING = fit_scaling(torch.randn(9, 3, generator=torch.Generator().manual_seed(1)), -torch.ones(2), torch.ones(2))


def untrained(kind):
    generator = torch.Generator().manual_seed(2)
    if kind == "explicit":
        shape = ExplicitShape(3, 2, members=2, width=4, depth=1)
        return new_explicit(ExplicitConfig(shape, optimizer=OPTIMIZER), SCALING, generator)
    shape = EnergyShape(3, 2, width=4, depth=2)
    return new_implicit(ImplicitConfig(shape, sampler=Uniform(), chains=4, optimizer=OPTIMIZER), SCALING, generator)


def dataset():
    rng = np.random.default_rng(3)
    return Dataset(rng.normal(size=(8, 3)).astype(np.float32), rng.uniform(-1, 1, (8, 2)).astype(np.float32))


@pytest.mark.parametrize("kind", ["implicit", "explicit"])
def test_a_policy_that_was_written_and_read_trains_on_the_same(kind):
    policy = untrained(kind).fit(dataset(), steps=3, seed=0).policy
    tensors = load(save({**state_tensors(policy, "policy."), **state_tensors(untrained(kind), "best.")}))
    read = policy_from_state(untrained(kind), tensors, "policy.")
    assert policy_from_state(untrained(kind), tensors, "best.").optimizer_state.steps == 0
    assert read.optimizer_state.steps == 3
    expected, found = (p.fit(dataset(), steps=3, seed=0).policy.tensors() for p in (policy, read))
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def test_one_policy_can_be_written_under_two_prefixes():
    policy = untrained("implicit").fit(dataset(), steps=1, seed=0).policy
    tensors = load(save(state_tensors(policy, "policy.") | state_tensors(policy, "best.")))
    assert len(tensors) == 2 * len(state_tensors(policy))


def test_a_missing_or_foreign_tensor_is_refused():
    tensors = state_tensors(untrained("explicit"))
    with pytest.raises(KeyError, match="biases"):
        policy_from_state(
            untrained("explicit"), {name: tensors[name] for name in tensors if name != "parameters.biases.0"}
        )
    with pytest.raises(ValueError, match="tensors"):
        policy_from_state(untrained("explicit"), tensors | {"parameters.weights.9": torch.zeros(1)})
