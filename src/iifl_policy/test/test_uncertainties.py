"""Uncertainties share the policy's samples, are chosen by name, and are refused where they are not defined."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.validation import InputError
from fleet_learning.scaling import Scaling
from fleet_learning.uncertainty import MemberActions
from fleet_learning.uncertainty_kinds import require_uncertainty, uncertainty_of
from fleet_learning.variance import Variance
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.jeffreys import Jeffreys
from iifl_policy.uniform import Uniform

SCALING = Scaling(torch.zeros(3), torch.ones(3), -torch.ones(2), torch.ones(2))
IMPLICIT = new_implicit(
    ImplicitConfig(EnergyShape(3, 2, width=8, depth=2), sampler=Uniform(), chains=64),
    SCALING,
    torch.Generator().manual_seed(0),
)
EXPLICIT = new_explicit(
    ExplicitConfig(ExplicitShape(3, 2, members=4, width=8)), SCALING, torch.Generator().manual_seed(0)
)
STATES = np.random.default_rng(0).normal(size=(5, 3))


class Largest:
    """Largest distance between two members' mean actions in any dimension: an uncertainty that no package registers."""

    unit: ClassVar[str] = "1"
    needs_energies: ClassVar[bool] = False

    def __call__(self, members):
        means_ENA = (members.weights_ENK.unsqueeze(-1) * members.actions_ENKA).sum(2)
        spread_N = (means_ENA.amax(0) - means_ENA.amin(0)).amax(-1)
        return spread_N, torch.zeros_like(spread_N)


def decide(policy):
    return policy.decide(STATES, torch.Generator().manual_seed(1))


@given(members=st.integers(2, 6), action_dim=st.integers(1, 4), seed=st.integers(0, 1000))
def test_variance_is_that_of_numpy_over_weighted_means(members, action_dim, seed):
    random = np.random.default_rng(seed)
    actions = random.uniform(-1, 1, (members, 3, 7, action_dim))
    weights = random.dirichlet(np.ones(7), (members, 3))
    means = (weights[..., None] * actions).sum(2)
    values, errors = Variance()(MemberActions(torch.from_numpy(actions), torch.from_numpy(weights)))
    np.testing.assert_allclose(values.numpy(), means.var(0).mean(-1), rtol=1e-12)
    assert (errors >= 0).all()


def test_the_standard_error_of_the_variance_is_the_spread_of_the_estimates():
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[-0.3, 0.1], [0.4, 0.0], [0.1, 0.5]]).view(3, 1, 1, 2)
    actions = centres + 0.2 * torch.randn(3, 2000, 64, 2, generator=generator)
    values, errors = Variance()(MemberActions(actions, torch.full((3, 2000, 64), 1 / 64)))
    assert errors.mean().item() == pytest.approx(values.std().item(), rel=0.1)


def test_single_actions_have_an_exact_variance():
    decision = decide(EXPLICIT)
    assert (decision.standard_errors_N == 0).all()
    assert (decision.uncertainties_N > 0).all()


def test_the_uncertainty_does_not_change_the_actions():
    by_jeffreys, by_variance = decide(IMPLICIT), decide(IMPLICIT.with_uncertainty(Variance()))
    np.testing.assert_array_equal(by_jeffreys.actions_NA, by_variance.actions_NA)
    assert (by_variance.uncertainties_N >= 0).all()
    assert (by_variance.uncertainties_N <= 1).all()
    assert (by_variance.standard_errors_N > 0).all()
    assert not np.allclose(by_jeffreys.uncertainties_N, by_variance.uncertainties_N)


def test_the_uncertainty_of_members_that_agree_is_zero_but_for_their_samples_errors():
    parameters = [parameter[:1].expand_as(parameter) for parameter in IMPLICIT.model.net.parameters()]
    half = len(parameters) // 2
    twins = replace(
        IMPLICIT.with_uncertainty(Variance()).with_sampling(20_000, 1),
        model=type(IMPLICIT.model)(type(IMPLICIT.model.net)(tuple(parameters[:half]), tuple(parameters[half:])), 3),
    )
    np.testing.assert_allclose(decide(twins).uncertainties_N, 0, atol=1e-3)


def test_training_keeps_the_uncertainty():
    policy = IMPLICIT.with_uncertainty(Variance())
    assert isinstance(policy.with_state(policy.tensors(), policy.optimizer_state).uncertainty, Variance)


def test_uncertainties_are_found_by_name_or_by_class():
    assert isinstance(uncertainty_of("jeffreys"), Jeffreys)
    assert isinstance(uncertainty_of("variance"), Variance)
    largest = uncertainty_of(f"{__name__}:Largest")
    assert (largest.unit, type(largest).__name__) == ("1", "Largest")
    assert (decide(EXPLICIT.with_uncertainty(largest)).uncertainties_N > 0).all()


@pytest.mark.parametrize("policy", [IMPLICIT, EXPLICIT], ids=["implicit", "explicit"])
def test_the_default_uncertainty_is_the_one_that_new_policies_have(policy):
    assert type(policy.uncertainty) is type(uncertainty_of(policy.default_uncertainty))
    require_uncertainty(policy.default_uncertainty, policy)


@pytest.mark.parametrize(
    ("name", "policy", "sentence"),
    [
        (
            "entropy",
            IMPLICIT,
            "policy.uncertainty: expected one of jeffreys, variance, or module:Class, got 'entropy'.",
        ),
        (
            "jeffreys",
            EXPLICIT,
            "policy.uncertainty: expected one of variance for a policy of kind explicit, which has no energies, got jeffreys.",
        ),
        (
            "fleet_learning.variance:Mean",
            IMPLICIT,
            (
                "policy.uncertainty: expected module:Class that can be imported, got 'fleet_learning.variance:Mean': "
                "module 'fleet_learning.variance' has no attribute 'Mean'."
            ),
        ),
        (
            "collections:OrderedDict",
            IMPLICIT,
            "policy.uncertainty: expected a class with unit, needs_energies and __call__, got 'collections:OrderedDict' without them.",
        ),
    ],
)
def test_other_uncertainties_are_refused(name, policy, sentence):
    with pytest.raises(InputError) as caught:
        require_uncertainty(name, policy)
    assert str(caught.value) == sentence
