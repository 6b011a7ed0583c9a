"""The cascade returns the policy's own decisions where it requests them, and continues its chains in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fleet_learning.randomness import branch, torch_generator
from fleet_learning.scaling import Scaling
from iifl_policy.cascade import Cascade, CascadeConfig
from iifl_policy.derivative_free import DerivativeFree
from iifl_policy.energy import EnergyShape
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import REFERENCE, Langevin
from iifl_policy.sampler import drawn
from iifl_policy.uniform import Uniform

ROBOTS, STATE_DIM, ACTION_DIM = 12, 4, 2
CONFIG = CascadeConfig(
    watched=3, screening_chains=16, resample_below=0.5, max_borderline=4, moves=Langevin(iterations=2, first_step=0.02)
)
EVERYTHING = replace(CONFIG, borderline_errors=np.inf, max_borderline=0, max_full=ROBOTS)


def new_policy(seed=0, scale=20):
    shape = EnergyShape(STATE_DIM, ACTION_DIM, width=16, depth=2)
    half = torch.full((ACTION_DIM,), 0.05)
    scaling = Scaling(torch.zeros(STATE_DIM), torch.ones(STATE_DIM), -half, half)
    policy = new_implicit(
        ImplicitConfig(shape, sampler=Langevin(iterations=10), chains=64), scaling, torch_generator(seed)
    )
    policy.model.net.weights[-1].mul_(scale)
    return policy


POLICY = new_policy()


def stream(ticks, step=0.02, robots=ROBOTS):
    random = np.random.default_rng(1)
    return random.normal(size=(robots, STATE_DIM)) + step * np.cumsum(random.normal(size=(ticks, robots, STATE_DIM)), 0)


def decisions(config, states, seed=0):
    cascade = Cascade(POLICY, config)
    return [
        cascade.decide(states_NS, range(len(states_NS)), torch_generator(seed, tick))
        for tick, states_NS in enumerate(states)
    ]


def same(one, two):
    return (
        np.array_equal(one.actions_NA, two.actions_NA)
        and np.array_equal(one.uncertainties_N, two.uncertainties_N)
        and np.array_equal(one.standard_errors_N, two.standard_errors_N)
        and np.array_equal(one.diagnostics["energy"], two.diagnostics["energy"])
    )


@pytest.mark.parametrize("watched", [3, ROBOTS])
def test_the_cascade_decides_as_the_policy_where_all_robots_are_borderline(watched):
    states = stream(3)
    for tick, decision in enumerate(decisions(replace(EVERYTHING, watched=watched), states)):
        assert same(decision, POLICY.decide(states[tick], torch_generator(0, tick)))


def test_equal_seeds_give_equal_decisions_and_different_seeds_different_ones():
    states = stream(4)
    one, again, other = (decisions(CONFIG, states, seed) for seed in (1, 1, 2))
    assert all(map(same, one, again))
    assert not any(map(same, one, other))


def test_at_most_max_full_robots_get_the_policys_own_decision(monkeypatch):
    asked = []
    ask = type(POLICY).samples

    def counted(policy, features, generator):
        asked.append(features.shape[1])
        return ask(policy, features, generator)

    monkeypatch.setattr(type(POLICY), "samples", counted)
    decisions(replace(CONFIG, max_full=2, borderline_errors=np.inf), stream(5))
    assert asked == [2] * 5
    asked.clear()
    decisions(replace(CONFIG, max_full=0), stream(5))
    assert not asked


def energies_of(states, actions):
    """The first member's energies of actions in the robot's units, (N,)."""
    model_actions = POLICY.scaling.actions(torch.as_tensor(actions, dtype=torch.float32))
    features = POLICY.features(states)
    return POLICY.model(features, model_actions.expand(2, *actions.shape).unsqueeze(2))[0, :, 0].detach().numpy()


def test_actions_are_those_of_lowest_energy_among_the_chains():
    states = stream(4)
    cascade = Cascade(POLICY, CONFIG)
    for tick, states_NS in enumerate(states):
        decision = cascade.decide(states_NS, range(len(states_NS)), torch_generator(0, tick))
        np.testing.assert_allclose(
            energies_of(states_NS, decision.actions_NA), decision.diagnostics["energy"], rtol=1e-4, atol=1e-4
        )
        energies = cascade._chains.energies_EBK[0].numpy()
        for robot in range(ROBOTS):
            chains = POLICY.config.chains if robot in cascade._borderline else CONFIG.screening_chains
            assert decision.diagnostics["energy"][robot] == pytest.approx(energies[robot, :chains].min())


def test_uncertainties_are_those_of_the_full_estimate_while_observations_do_not_change():
    states = np.repeat(stream(1, robots=40), 6, 0)
    for decision in decisions(replace(CONFIG, screening_chains=64), states)[1:]:
        full = POLICY.decide(states[0], torch_generator(9))
        allowed = 5 * np.hypot(decision.standard_errors_N, full.standard_errors_N)
        assert (np.abs(decision.uncertainties_N - full.uncertainties_N) <= allowed).all()


@pytest.mark.parametrize(("share", "initial_actions"), [(0.25, 0), (1.0, 2000)])
def test_reweighted_and_reinitialised_chains_follow_the_observation(share, initial_actions):
    states = stream(40, step=0.05, robots=40)
    cascaded = decisions(
        replace(CONFIG, max_full=0, screening_chains=64, reinitialise_below=share, initial_actions=initial_actions),
        states,
    )[-1]
    full = POLICY.with_sampling(2000, 30).decide(states[-1], torch_generator(9))
    errors = (cascaded.uncertainties_N - full.uncertainties_N) / np.hypot(
        cascaded.standard_errors_N, full.standard_errors_N
    )
    assert np.abs(errors.mean()) < 1
    assert np.corrcoef(cascaded.uncertainties_N, full.uncertainties_N)[0, 1] > 0.8


@pytest.mark.parametrize(
    ("share", "initial_actions", "reinitialised"), [(0.25, 0, True), (0.25, 2000, True), (0.0, 0, False)]
)
def test_a_reinitialised_robot_does_not_depend_on_its_past(share, initial_actions, reinitialised):
    sharp = new_policy(scale=200)
    best = []
    for past in (-1.0, 1.0):
        states = stream(3, robots=1)
        states[:2], states[2] = past, [30.0, -30.0, 30.0, -30.0]
        cascade = Cascade(
            sharp,
            replace(CONFIG, max_full=0, max_borderline=0, reinitialise_below=share, initial_actions=initial_actions),
        )
        for tick, states_NS in enumerate(states):
            decision = cascade.decide(states_NS, range(len(states_NS)), torch_generator(0, tick))
        best.append(decision.actions_NA)
    assert np.array_equal(*best) == reinitialised
    full = sharp.decide(states[2], torch_generator(1))
    if reinitialised:
        np.testing.assert_allclose(decision.diagnostics["energy"], full.diagnostics["energy"], rtol=0.05, atol=0.5)


def test_a_robot_without_chains_begins_as_the_only_robot_of_a_new_cascade():
    states = stream(1)[0]
    cascade, new = Cascade(POLICY, EVERYTHING), Cascade(POLICY, EVERYTHING)
    cascade.decide(states[:5], range(5), torch_generator(0))
    joined = cascade.decide(states[5:6], [5], torch_generator(3))
    assert same(joined, new.decide(states[5:6], [0], torch_generator(3)))


@pytest.mark.parametrize("robots", [[0, 2, 3], [2]])
def test_robots_keep_their_chains_while_others_are_decided_for(robots):
    """The chains of a robot depend on its own observations only where no random numbers are drawn."""
    still = replace(CONFIG, max_full=0, max_borderline=0, resample_below=0.0, reinitialise_below=0.0)
    states = stream(3, robots=6)
    with_break, without_break = Cascade(POLICY, still), Cascade(POLICY, still)
    for cascade in (with_break, without_break):
        cascade.decide(states[0], range(6), torch_generator(0))
    others = [robot for robot in range(6) if robot not in robots]
    with_break.decide(states[1][others], others, torch_generator(1))
    returned = with_break.decide(states[2][robots], robots, torch_generator(2))
    stayed = without_break.decide(states[2], range(6), torch_generator(2))
    np.testing.assert_allclose(returned.actions_NA, stayed.actions_NA[robots], atol=1e-6)
    np.testing.assert_allclose(returned.uncertainties_N, stayed.uncertainties_N[robots], rtol=1e-3, atol=1e-4)


def test_the_order_in_which_robots_joined_does_not_matter_to_the_chains():
    still = replace(CONFIG, max_full=0, max_borderline=0, resample_below=0.0, reinitialise_below=0.0)
    states = stream(2, robots=4)
    decided = []
    for groups in ([[2, 3], [0, 1]], [[2], [3], [1], [0]]):
        cascade = Cascade(POLICY, still)
        for robots in groups:
            cascade.decide(states[0][robots], robots, torch_generator(0))
        rows = {robot: row for row, robot in enumerate(cascade._robots)}
        order = [rows[robot] for robot in range(4)]
        chains = cascade._chains.actions_EBKA[:, order]
        whole = cascade.decide(states[1], range(4), torch_generator(1))
        energies = energies_of(states[1], whole.actions_NA)
        np.testing.assert_allclose(energies, whole.diagnostics["energy"], rtol=1e-4, atol=1e-4)
        best = POLICY.model(POLICY.features(states[1]), chains)[0, :, : still.screening_chains].amin(-1)
        np.testing.assert_allclose(energies, best, rtol=1e-4, atol=1e-4)
        decided.append(whole)
    assert not same(*decided), "chains of robots that joined in other groups are other chains"


def test_the_policy_offers_the_cascade_where_its_sampler_follows_exp_minus_energy():
    assert POLICY.deciders == ("full", "cascade")
    for sampler in (Uniform(), DerivativeFree(), REFERENCE):
        assert replace(POLICY, config=replace(POLICY.config, sampler=sampler)).deciders == ("full",)
    decider = POLICY.decider("cascade", humans=3, threshold=1.5)
    assert isinstance(decider, Cascade)
    config = decider._config
    assert (config.watched, config.threshold, config.screening_chains) == (3, 1.5, 24)
    assert POLICY.with_sampling(512, 1).decider("cascade", humans=3, threshold=0.0)._config.screening_chains == 192
    full, states = POLICY.decider("full", humans=3, threshold=1.5), stream(1)[0]
    assert same(full.decide(states, range(ROBOTS), torch_generator(0)), POLICY.decide(states, torch_generator(0)))


def test_members_that_agree_are_never_uncertain():
    parameters = [parameter[:1].expand_as(parameter) for parameter in POLICY.model.net.parameters()]
    twins = replace(POLICY, model=type(POLICY.model)(type(POLICY.model.net)(*_halves(parameters)), STATE_DIM))
    cascade = Cascade(twins, CONFIG)
    for tick, states_NS in enumerate(stream(3)):
        decision = cascade.decide(states_NS, range(len(states_NS)), torch_generator(0, tick))
        np.testing.assert_allclose(decision.uncertainties_N, 0, atol=1e-4)


def _halves(parameters):
    return tuple(parameters[: len(parameters) // 2]), tuple(parameters[len(parameters) // 2 :])


@given(seed=st.integers(0, 1000))
def test_a_branch_depends_on_the_state_and_does_not_change_it(seed):
    generator, twin = torch_generator(seed), torch_generator(seed)
    one, two = branch(generator), branch(generator)
    assert torch.equal(torch.rand(3, generator=one), torch.rand(3, generator=two))
    assert torch.equal(generator.get_state(), twin.get_state())
    assert not torch.equal(torch.rand(3, generator=branch(twin)), torch.rand(3, generator=twin))


def test_indices_are_drawn_in_proportion_to_their_shares():
    shares = torch.tensor([[[0.25, 0.0, 0.75], [1.0, 0.0, 0.0]]]).repeat_interleave(2000, 1)
    indices = drawn(shares, torch_generator(0))
    assert indices.shape == shares.shape
    assert (indices[:, 2000:] == 0).all()
    assert (indices[:, :2000] == 0).double().mean().item() == pytest.approx(0.25, abs=0.02)
    assert not (indices == 1).any()
