"""A policy learns both modes of a task, is uncertain far from the data, and learns the same for the same seed.

For the same state, half of the demonstrated actions push 0.03 m to the right, half 0.03 m to the left.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_learning.dataset import Dataset, empty_dataset
from fleet_learning.optimization import OptimizerConfig, OptimizerState
from fleet_learning.parallel import use_threads
from fleet_learning.scaling import contract_scaling
from iifl_policy.energy import EnergyShape
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)
LEARNING = ImplicitConfig(
    EnergyShape(6, 2, width=32, depth=2),
    chains=256,
    loss=LossConfig(sampler=Langevin(iterations=10), gradient_margin=10.0),
    optimizer=OptimizerConfig(batch_size=64, learning_rate=5e-3),
)
STEPS = 400
PUSH_M, SPREAD_M = 0.03, 0.01


def two_modes(pairs: int, seed: int = 0) -> Dataset:
    generator = np.random.default_rng(seed)
    states = np.zeros((pairs, 6))
    states[:, :2] = generator.normal(0, SPREAD_M, (pairs, 2))
    actions = np.stack([PUSH_M * np.where(np.arange(pairs) % 2, 1, -1), generator.normal(0, 0.002, pairs)], 1)
    return Dataset(states.astype(np.float32), actions.astype(np.float32))


def untrained(dataset, config=LEARNING):
    return new_implicit(config, contract_scaling(CONTRACT, dataset), torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def trained():
    """The trained policy, the reports of every step, and the loss."""
    dataset, reports = two_modes(200), []
    result = untrained(dataset).fit(dataset, steps=STEPS, seed=0, on_step=lambda *report: reports.append(report))
    return result.policy, reports, result.loss


def samples_m(policy, states_NS):
    """Samples of the first member at these states in metres, (N, K, A)."""
    samples = policy.config.sampler.sample(
        policy.model, policy.features(states_NS), 512, torch.Generator().manual_seed(0)
    )
    return policy.scaling.robot_actions(samples.actions_EBKA[0]).numpy()


def energies_of(policy, states_NS, actions_NKA):
    actions = policy.scaling.actions(torch.as_tensor(actions_NKA, dtype=torch.float32))
    return policy.model(policy.features(states_NS), actions.expand(2, *actions.shape))


def test_samples_cover_both_modes_and_not_the_middle(trained):
    policy, _, _ = trained
    actions_NKA = samples_m(policy, np.zeros((1, 6)))
    right = np.hypot(actions_NKA[0, :, 0] - PUSH_M, actions_NKA[0, :, 1]) < 0.012
    left = np.hypot(actions_NKA[0, :, 0] + PUSH_M, actions_NKA[0, :, 1]) < 0.012
    middle = np.hypot(*actions_NKA[0].T) < 0.012
    # Each of the three discs is 4.5 % of the range.
    assert right.mean() > 0.25
    assert left.mean() > 0.25
    assert middle.mean() < 0.045 < 0.5 * min(right.mean(), left.mean())


def test_decisions_are_one_of_the_modes_and_never_their_mean(trained):
    policy, _, _ = trained
    decision = policy.decide(two_modes(40, seed=9).observations_B, torch.Generator().manual_seed(1))
    assert np.abs(np.abs(decision.actions_NA[:, 0]) - PUSH_M).max() < 0.01
    assert np.abs(decision.actions_NA[:, 1]).max() < 0.01


def test_the_mean_action_has_more_energy_than_each_mode(trained):
    policy, _, _ = trained
    actions = np.array([[[PUSH_M, 0], [-PUSH_M, 0], [0, 0]]])
    for right, left, mean in energies_of(policy, np.zeros((1, 6)), actions)[:, 0].tolist():
        assert mean > max(right, left) + 1
        assert abs(right - left) < mean - max(right, left)


def test_uncertainty_is_larger_far_from_the_data(trained):
    policy, _, _ = trained
    near = two_modes(50, seed=3).observations_B
    far = near * 20
    seen, unseen = (policy.decide(states, torch.Generator().manual_seed(2)).uncertainties_N for states in (near, far))
    assert np.median(unseen) > 3 * np.median(seen)
    assert (unseen > np.median(seen)).mean() > 0.9


def test_training_lowers_the_loss_and_reports_every_step(trained):
    _, reports, loss = trained
    assert [done for done, _ in reports] == list(range(1, STEPS + 1))
    losses = [measures["InfoNCE"] for _, measures in reports]
    assert losses[0] == pytest.approx(np.log(9), abs=0.2)  # chance: one in nine
    assert loss == pytest.approx(np.mean(losses[-STEPS // 10 :]))
    assert loss < losses[0] - 0.5
    assert [measures["learning rate"] for _, measures in reports[::100]] == pytest.approx(
        [5e-3 * 0.99**decays for decays in range(4)]
    )


BRIEF = replace(LEARNING, optimizer=OptimizerConfig(batch_size=8, learning_rate=1e-3))


def fit(policy, dataset, seed=0, steps=3, **options):
    return policy.fit(dataset, steps=steps, seed=seed, **options)


def weights(policy):
    return torch.cat([parameter.flatten() for parameter in policy.tensors().values()])


def test_equal_seeds_give_equal_bits_and_different_seeds_different_ones():
    dataset = two_modes(40)
    one, same, other = (fit(untrained(dataset, BRIEF), dataset, seed) for seed in (5, 5, 6))
    assert torch.equal(weights(one.policy), weights(same.policy))
    assert one.loss == same.loss
    assert not torch.equal(weights(one.policy), weights(other.policy))


def test_training_does_not_depend_on_the_number_of_threads():
    dataset, before = two_modes(40), torch.get_num_threads()
    one = fit(untrained(dataset, BRIEF), dataset)
    use_threads(2)
    two = fit(untrained(dataset, BRIEF), dataset)
    use_threads(1)
    torch.set_num_threads(before)
    assert torch.equal(weights(one.policy), weights(two.policy))


def test_training_does_not_change_the_policy_it_starts_from():
    dataset = two_modes(40)
    policy = fit(untrained(dataset, BRIEF), dataset).policy
    before, moments = copy.deepcopy(policy.tensors()), copy.deepcopy(policy.optimizer_state.moments)
    after = fit(policy, dataset).policy
    assert all(torch.equal(value, before[name]) for name, value in policy.tensors().items())
    assert all(torch.equal(value, moments[name]) for name, value in policy.optimizer_state.moments.items())
    assert not torch.equal(weights(after), weights(policy))
    assert not any(parameter.requires_grad for parameter in after.tensors().values())
    assert (policy.optimizer_state.steps, after.optimizer_state.steps) == (3, 6)


def test_a_second_training_continues_from_the_first():
    """The second training continues with the moments and learning rate of the first."""
    dataset = two_modes(40)
    frozen = replace(BRIEF, optimizer=replace(BRIEF.optimizer, decay=0.0, decay_steps=2))
    one = fit(untrained(dataset, frozen), dataset, steps=2).policy
    assert torch.equal(weights(fit(one, dataset).policy), weights(one))  # the learning rate is zero by now
    first = fit(untrained(dataset, BRIEF), dataset, steps=50).policy
    continued, restarted = (
        fit(policy, dataset, steps=1).policy for policy in (first, replace(first, optimizer_state=OptimizerState(50)))
    )
    moved, moved_restarted = ((weights(policy) - weights(first)).abs() for policy in (continued, restarted))
    # Adam's first step moves every weight that has a gradient by the learning rate.
    rate = BRIEF.optimizer.learning_rate
    assert moved_restarted[moved_restarted > 0].median() == pytest.approx(rate, rel=0.01)
    assert moved[moved > 0].median() < 0.7 * rate


def test_a_member_learns_nothing_from_pairs_that_its_bootstrap_left_out():
    one, other = two_modes(40), two_modes(40)
    drawn = [set(rows.tolist()) for rows in one.bootstrap(2, seed=0)]
    left_out = sorted(drawn[1] - drawn[0])
    other.actions_BA[left_out] *= -1
    before, after = (fit(untrained(one, BRIEF), data).policy.tensors()["weights.0"] for data in (one, other))
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


def test_an_empty_dataset_is_refused():
    policy = untrained(two_modes(4))
    with pytest.raises(ValueError, match=r"^dataset: expected at least one pair, got none$"):
        fit(policy, empty_dataset((6,), 2))


@pytest.mark.parametrize("seed", range(8))
def test_one_pair_is_enough_to_train_on_whatever_the_bootstrap_draws(seed):
    dataset = two_modes(1)
    assert np.isfinite(fit(untrained(dataset, BRIEF), dataset, seed).loss)


def test_actions_beyond_the_range_are_clipped_in_training():
    inside, outside = two_modes(20), two_modes(20)
    inside.actions_BA[:, 0] = np.sign(inside.actions_BA[:, 0]) * 0.05
    outside.actions_BA[:, 0] = np.sign(outside.actions_BA[:, 0]) * 0.08
    one, other = (weights(fit(untrained(inside, BRIEF), data).policy) for data in (inside, outside))
    torch.testing.assert_close(one, other)
