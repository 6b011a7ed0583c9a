"""Polished actions lie near the lowest energy, and never have a higher energy than the samples they came from."""

from __future__ import annotations

import pytest
import torch
from analytic import Analytic

from iifl_policy.energy import EnergyShape, new_energy
from iifl_policy.langevin import CORRECTED
from iifl_policy.polish import Polish
from iifl_policy.uniform import Uniform

BOWLS = {
    "round": lambda _, a: 8 * (a - 0.3).square().sum(-1),
    "stretched": lambda _, a: 40 * (a[..., 0] - 0.3).square() + 2 * (a[..., 1:] - 0.3).square().sum(-1),
    "kinked": lambda _, a: 6 * (a - 0.3).abs().sum(-1),
}


@pytest.mark.parametrize("name", BOWLS)
def test_the_best_action_in_seven_dimensions_is_found_more_closely(name):
    model, features = Analytic(7, BOWLS[name]), torch.zeros(1, 20, 1)
    samples = CORRECTED.sample(model, features, 64, torch.Generator().manual_seed(0))
    polished = Polish(iterations=60)(model, features, samples)
    before, after = ((found.best(0) - 0.3).abs().mean() for found in (samples, polished))
    assert after < 0.06
    assert after < 0.4 * before


def test_no_polished_action_is_worse_than_the_sample_it_came_from():
    generator = torch.Generator().manual_seed(3)
    model = new_energy(EnergyShape(3, 4, width=16, depth=2), generator)
    features = model.features(torch.randn(2, 6, 3, generator=generator))
    samples = Uniform().sample(model, features, 32, generator)
    polished = Polish(chains=5)(model, features, samples)
    assert polished.actions_EBKA.shape == (2, 6, 5, 4)
    assert (polished.energies_EBK <= samples.energies_EBK.sort(-1).values[..., :5]).all()
    assert polished.actions_EBKA.abs().amax() <= 1
    torch.testing.assert_close(polished.energies_EBK, model(features, polished.actions_EBKA))


def test_few_samples_are_all_polished():
    model, features = Analytic(1, BOWLS["round"]), torch.zeros(1, 1, 1)
    samples = Uniform().sample(model, features, 3, torch.Generator().manual_seed(0))
    assert Polish(chains=8)(model, features, samples).energies_EBK.shape == (1, 1, 3)
