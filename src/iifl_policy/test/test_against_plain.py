"""The package agrees with the plain implementation, given the same weights and random numbers."""

from __future__ import annotations

import pytest
import torch
from analytic import in_double

from fleet_learning.dataset import Dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.randomness import branches, torch_generator
from fleet_learning.scaling import Scaling
from iifl_policy import plain
from iifl_policy.energy import EnergyShape, new_energy
from iifl_policy.implicit import ImplicitConfig, ImplicitPolicy
from iifl_policy.jeffreys import jeffreys
from iifl_policy.langevin import CORRECTED, REFERENCE
from iifl_policy.loss import LossConfig, ensemble_loss
from iifl_policy.sampler import ActionSamples, equal_weights

MEMBERS, BATCH, CHAINS, STATE_DIM, ACTION_DIM = 2, 6, 40, 5, 3
SHAPE = EnergyShape(STATE_DIM, ACTION_DIM, MEMBERS, width=24, depth=3)
PRESETS = {"corrected": (CORRECTED, plain.corrected), "reference": (REFERENCE, plain.reference)}
LOSSES = {"corrected": LossConfig(sampler=CORRECTED), "reference": LossConfig(sampler=REFERENCE, penalty="sum")}
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.fixture(params=TOLERANCES, ids=["single", "double"])
def dtype(request):
    return request.param


@pytest.fixture(params=PRESETS)
def preset(request):
    """The package's sampler and the plain one."""
    return PRESETS[request.param]


def close(found, expected):
    tolerance = TOLERANCES[found.dtype]
    torch.testing.assert_close(found, expected.to(found.dtype), rtol=tolerance, atol=tolerance)


def steep(dtype, factor=40):
    """An ensemble with slopes of about 2 nats per half range."""
    model = new_energy(SHAPE, torch.Generator().manual_seed(0))
    model.net.weights[-1].mul_(factor)
    return in_double(model) if dtype == torch.float64 else model


def random(*shape, dtype, seed=1):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


def drawn(sampler, chains, dtype, generator, members=MEMBERS):
    """Random numbers of one call of the package's sampler, by member."""
    return plain.numbers_of(sampler, (members, BATCH, chains, ACTION_DIM), dtype, generator)


def test_energies_and_slopes(dtype):
    model = steep(dtype)
    states = random(MEMBERS, BATCH, STATE_DIM, dtype=dtype)
    actions = random(MEMBERS, BATCH, CHAINS, ACTION_DIM, dtype=dtype, seed=2)
    features = model.features(states)
    energies, slopes = model.field(features)(actions)
    members = zip(plain.energies_of(model), states, actions, strict=True)
    expected = [plain.energies_and_slopes(*member) for member in members]
    close(energies, torch.stack([one for one, _ in expected]))
    close(model(features, actions), energies)
    close(slopes, torch.stack([slope for _, slope in expected]))
    assert slopes.abs().amax() > 1


def test_samples(dtype, preset):
    sampler, sample = preset
    model, states = steep(dtype), random(MEMBERS, BATCH, STATE_DIM, dtype=dtype)
    samples = sampler.sample(model, model.features(states), CHAINS, torch.Generator().manual_seed(3))
    records = drawn(sampler, CHAINS, dtype, torch.Generator().manual_seed(3))
    for member, energy in enumerate(plain.energies_of(model)):
        expected = sample(energy, states[member], CHAINS, plain.Recorded(records[member]))
        close(samples.actions_EBKA[member], expected)
        close(samples.energies_EBK[member], energy(states[member], expected).detach())


def test_divergence_of_given_actions(dtype):
    model, states = steep(dtype), random(BATCH, STATE_DIM, dtype=dtype)
    actions = random(MEMBERS, BATCH, CHAINS, ACTION_DIM, dtype=dtype, seed=2)
    features = model.features(states.expand(MEMBERS, -1, -1))
    energies = model(features, actions)
    found, _ = jeffreys(model, features, ActionSamples(actions, energies, equal_weights(energies)))
    given = iter([actions[0], *actions])
    _, expected = plain.decide(plain.energies_of(model), states, CHAINS, lambda *_: next(given), plain.Recorded([]))
    close(found, expected)


def policy(model, config):
    dtype = model.net.weights[0].dtype
    half = torch.full((ACTION_DIM,), 0.05, dtype=dtype)
    scaling = Scaling(
        torch.full((STATE_DIM,), 0.25, dtype=dtype), torch.full((STATE_DIM,), 2.0, dtype=dtype), -half, half
    )
    return ImplicitPolicy(config, model, scaling)


def test_decisions(dtype, preset):
    sampler, sample = preset
    model, states = steep(dtype), random(BATCH, STATE_DIM, dtype=torch.float32)
    decider = policy(model, ImplicitConfig(SHAPE, sampler=sampler, chains=CHAINS))
    decision = decider.decide(states.double().numpy(), torch.Generator().manual_seed(3))
    first, second = drawn(sampler, CHAINS, dtype, torch.Generator().manual_seed(3))
    actions, divergences = plain.decide(
        plain.energies_of(model),
        (states.to(dtype) - 0.25) / 2,
        CHAINS,
        sample,
        plain.Recorded([*first, *first, *second]),
    )
    close(torch.from_numpy(decision.actions_NA).to(dtype), 0.05 * actions)
    close(torch.from_numpy(decision.uncertainties_N).to(dtype), divergences)
    assert divergences.amin() > 0.1


@pytest.mark.parametrize("name", LOSSES)
def test_loss(dtype, name):
    config, (_, sample) = LOSSES[name], PRESETS[name]
    model, states = steep(dtype), random(MEMBERS, BATCH, STATE_DIM, dtype=dtype)
    actions = random(MEMBERS, BATCH, ACTION_DIM, dtype=dtype, seed=2)
    found, *_ = ensemble_loss(model, states, actions, config, torch.Generator().manual_seed(3))
    records = drawn(config.sampler, plain.COUNTER_EXAMPLES, dtype, torch.Generator().manual_seed(3))
    expected = torch.zeros((), dtype=dtype)
    for member, energy in enumerate(plain.energies_of(model)):
        counter = sample(energy, states[member], plain.COUNTER_EXAMPLES, plain.Recorded(records[member]))
        expected += plain.loss(energy, states[member], actions[member], counter, penalty=config.penalty).detach()
    close(found, expected)


def settled(layer):
    """A layer's weight, exactly normalised if it is normalised."""
    if not torch.nn.utils.parametrize.is_parametrized(layer):
        return layer.weight.detach()
    original = layer.parametrizations.weight.original.detach()
    return original / torch.linalg.matrix_norm(original, 2)


# From the second step on, one power iteration per step and one per forward pass differ.
@pytest.mark.parametrize(("spectral", "steps"), [(False, 3), (True, 1)], ids=["free", "spectral norm"])
@pytest.mark.parametrize("name", LOSSES)
def test_weights_after_gradient_steps(name, spectral, steps):
    config, (_, sample), seed, pairs = LOSSES[name], PRESETS[name], 4, 20
    dataset = Dataset(
        random(pairs, STATE_DIM, dtype=torch.float32).numpy(),
        0.05 * random(pairs, ACTION_DIM, dtype=torch.float32, seed=2).numpy(),
    )
    optimizer = OptimizerConfig(batch_size=BATCH)
    untrained = policy(
        steep(torch.float64),
        ImplicitConfig(SHAPE, loss=config, optimizer=optimizer, spectral_norm=spectral),
    )
    learned = untrained.fit(dataset, steps=steps, seed=seed).policy.model.net

    states, actions = untrained.scaling.pairs(dataset)
    generator = torch_generator(seed, untrained.optimizer_state.steps)
    bootstraps = [torch.from_numpy(rows) for rows in dataset.training_rows(MEMBERS, seed)]
    energies = plain.energies_of(untrained.model, spectral=spectral)
    optimizers = plain.optimizers_of(energies)
    for _ in range(steps):
        batch = torch.stack([rows[torch.randint(len(rows), (BATCH,), generator=generator)] for rows in bootstraps])
        members = branches(generator, MEMBERS, torch.device("cpu"))
        numbers = [drawn(config.sampler, plain.COUNTER_EXAMPLES, torch.float64, own, members=1)[0] for own in members]
        chance = plain.Recorded([number for member in numbers for number in member])
        plain.train_step(energies, optimizers, states[batch], actions[batch], sample, chance, penalty=config.penalty)
    for member, energy in enumerate(energies):
        for layer, weight, bias in zip(energy.layers, learned.weights, learned.biases, strict=True):
            # Adam's division amplifies rounding errors of gradients near zero; a step changes weights by 5e-4.
            torch.testing.assert_close(weight[member].mT, settled(layer), rtol=0, atol=1e-9)
            torch.testing.assert_close(bias[member, 0], layer.bias.detach(), rtol=0, atol=1e-9)
    assert not torch.equal(learned.weights[0], untrained.model.net.weights[0])


def test_fresh_random_numbers_come_from_the_generator():
    energies = plain.energies_of(steep(torch.float32))
    states = random(BATCH, STATE_DIM, dtype=torch.float32)
    one, same, other = (
        plain.decide(energies, states, CHAINS, plain.corrected, plain.Fresh(torch.Generator().manual_seed(seed)))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one[0], same[0])
    assert torch.equal(one[1], same[1])
    assert not torch.equal(one[1], other[1])
