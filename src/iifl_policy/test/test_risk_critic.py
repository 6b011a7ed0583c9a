"""Learned risks are the absorption probabilities of a Markov chain, which linear equations give."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

import fleet_learning.optimization
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.validation import InputError
from fleet_learning.optimization import OptimizerConfig, OptimizerState
from fleet_learning.scaling import fit_scaling
from fleet_learning.transitions import Transitions, transitions_of
from iifl_policy.risk import RiskConfig, RiskCritic, new_critic

# A corridor with a cliff at 0 and a goal at GOAL, after which the next episode starts at 1, beside the cliff.
GOAL = 7
CELLS = np.arange(1, GOAL)
MOVES = (-1, 1)
SLIPS = 0.25
"""Probability that a move goes in the opposite direction."""
DISCOUNT = 0.8
POLICIES = {"away from the cliff": np.ones(GOAL + 1), "towards the cliff": -np.ones(GOAL + 1)}
"""Moves by cell."""
CONFIG = RiskConfig(
    1,
    1,
    width=32,
    discount=DISCOUNT,
    target_rate=0.05,
    optimizer=OptimizerConfig(batch_size=256, learning_rate=3e-3, decay=0.75),
)
SCALING = fit_scaling(torch.from_numpy(CELLS.astype(np.float32)[:, None]), -torch.ones(1), torch.ones(1))
UNTRAINED = new_critic(CONFIG, SCALING, torch.Generator().manual_seed(0))
ROWS = 12


def corridor() -> Transitions:
    """Every move in every cell in proportion to its probability: 3 times as intended, and once slipped."""
    rows = [(cell, move, cell + direction * move) for cell in CELLS for move in MOVES for direction in (1, 1, 1, -1)]
    cells, moves, arrived = (np.array(column) for column in zip(*rows, strict=True))
    ended = arrived == GOAL
    return Transitions(
        cells[:, None].astype(np.float32),
        moves[:, None].astype(np.float32),
        np.where(ended, 1, arrived)[:, None].astype(np.float32),
        arrived == 0,
        ended,
    )


def next_moves(transitions, moves) -> np.ndarray:
    """A policy's moves at the next states; not a number where the episode is over."""
    chosen = moves[transitions.next_states_BS.astype(int)]
    chosen[transitions.violated_B | transitions.episode_over_B] = np.nan
    return chosen


def absorption(moves) -> np.ndarray:
    """Risk (cells, moves) by linear equations: V = P (v + DISCOUNT V), with the policy's moves; then Q from V."""

    def outcomes(cell, move):
        return (cell + move, 1 - SLIPS), (cell - move, SLIPS)

    matrix, falls = np.eye(GOAL + 1), np.zeros(GOAL + 1)
    for cell in CELLS:
        for arrived, probability in outcomes(cell, int(moves[cell])):
            if arrived == 0:
                falls[cell] += probability
            elif arrived != GOAL:
                matrix[cell, arrived] -= DISCOUNT * probability
    values = np.linalg.solve(matrix, falls)
    after = DISCOUNT * values
    after[0] = 1.0
    return np.array(
        [[sum(after[arrived] * share for arrived, share in outcomes(cell, move)) for move in MOVES] for cell in CELLS]
    )


def risks(critic, cells=CELLS) -> np.ndarray:
    """Predicted risks (cells, moves)."""
    states = np.asarray(cells, dtype=float)[:, None]
    return np.stack([critic.risks(states, np.full_like(states, move)) for move in MOVES], 1)


@pytest.fixture(scope="module", params=POLICIES)
def learned(request) -> tuple[RiskCritic, np.ndarray]:
    """A trained critic and the moves of its policy."""
    moves = POLICIES[request.param]
    critic, _ = UNTRAINED.fit(corridor(), next_moves(corridor(), moves), steps=1000, seed=0)
    return critic, moves


def test_risks_are_absorption_probabilities(learned):
    critic, moves = learned
    np.testing.assert_allclose(risks(critic), absorption(moves), atol=0.04)


def test_risks_grow_towards_the_cliff(learned):
    critic, _ = learned
    assert (np.diff(risks(critic), axis=0) < 0).all()
    towards, away = risks(critic).T
    assert (towards > away).all()


def test_risks_are_probabilities_everywhere(learned):
    critic, _ = learned
    far = risks(critic, np.linspace(-1e4, 1e4, 101))
    assert ((far >= 0) & (far <= 1)).all()
    assert np.isfinite(far).all()


def test_the_larger_prediction_of_the_twins_is_used(learned):
    critic, _ = learned
    one = risks(replace(critic, net=critic.net.changed(lambda parameter: parameter[[0, 0]])))
    two = risks(replace(critic, net=critic.net.changed(lambda parameter: parameter[[1, 1]])))
    np.testing.assert_array_equal(risks(critic), np.maximum(one, two))
    assert (one != two).all()


def test_training_continues_from_a_state_that_was_written():
    transitions = corridor()
    next_actions = next_moves(transitions, POLICIES["towards the cliff"])
    first, early = UNTRAINED.fit(transitions, next_actions, steps=40, seed=0)
    restored = new_critic(CONFIG, SCALING, torch.Generator()).with_state(first.tensors(), first.optimizer_state)
    again, late = restored.fit(transitions, next_actions, steps=20, seed=0)
    straight, _ = first.fit(transitions, next_actions, steps=20, seed=0)
    assert again.optimizer_state.steps == 60
    assert late < early
    np.testing.assert_array_equal(risks(again), risks(straight))


def test_the_target_follows_the_net_at_its_rate():
    transitions = corridor()
    next_actions = next_moves(transitions, POLICIES["towards the cliff"])
    one, _ = UNTRAINED.fit(transitions, next_actions, steps=1, seed=0)
    two, _ = one.fit(transitions, next_actions, steps=1, seed=0)
    for name, before in UNTRAINED.tensors().items():
        if name.startswith("target."):
            assert torch.equal(one.tensors()[name], before)
            learned = one.tensors()[name.replace("target.", "net.")]
            torch.testing.assert_close(two.tensors()[name], before + CONFIG.target_rate * (learned - before))


def test_tensors_of_other_sizes_are_refused():
    other = new_critic(replace(CONFIG, width=8), SCALING, torch.Generator())
    with pytest.raises(ValueError, match="tensors: expected those of 2 members of Perceptrons"):
        UNTRAINED.with_state(other.tensors(), OptimizerState())
    with pytest.raises(KeyError):
        UNTRAINED.with_state(UNTRAINED.net.tensors(), OptimizerState())


@pytest.mark.parametrize("rows", [0, ROWS - 1])
def test_missing_transitions_or_next_actions_are_refused(rows):
    few = Transitions(**{field.name: getattr(corridor(), field.name)[:rows] for field in fields(Transitions)})
    sentence = (
        r"next_actions_BA: expected shape \(11, 1\), got \(12, 1\)" if rows else "transitions: expected at least one"
    )
    with pytest.raises(ValueError, match=sentence):
        UNTRAINED.fit(few, np.ones((ROWS, 1)), steps=1, seed=0)


class Interrupted(Exception):
    """The end of the process."""


def interrupt_at_5(done, _):
    if done == 5:
        raise Interrupted


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    monkeypatch.setattr(fleet_learning.optimization, "SAVE_EVERY_STEPS", 2)
    path, transitions = tmp_path / "training.safetensors", corridor()
    next_actions = next_moves(transitions, POLICIES["away from the cliff"])
    options = {"steps": 9, "seed": 3}
    before = UNTRAINED.tensors()
    with pytest.raises(Interrupted):
        UNTRAINED.fit(transitions, next_actions, **options, on_step=interrupt_at_5, resume_path=path)
    with pytest.raises(InputError, match="got another training"):
        UNTRAINED.fit(transitions, -next_actions, **options, resume_path=path)
    with pytest.raises(InputError, match="got another training"):
        UNTRAINED.fit(
            replace(transitions, episode_over_B=~transitions.episode_over_B), next_actions, **options, resume_path=path
        )
    resumed, resumed_loss = UNTRAINED.fit(transitions, next_actions, **options, resume_path=path)
    uninterrupted, loss = UNTRAINED.fit(transitions, next_actions, **options)
    assert resumed_loss == loss
    for name, tensor in uninterrupted.tensors().items():
        assert torch.equal(resumed.tensors()[name], tensor), name
        assert torch.equal(UNTRAINED.tensors()[name], before[name]), name
    assert list(tmp_path.iterdir()) == []


def test_transitions_are_concatenated_and_their_digest_depends_on_every_field():
    transitions = corridor()
    both = transitions + replace(transitions, actions_BA=-transitions.actions_BA)
    assert len(both) == 2 * len(transitions)
    np.testing.assert_array_equal(both.actions_BA, np.concatenate([transitions.actions_BA, -transitions.actions_BA]))
    np.testing.assert_array_equal(both.violated_B, np.tile(transitions.violated_B, 2))
    others = []
    for field in fields(Transitions):
        changed = getattr(transitions, field.name).copy()
        changed[-1] = not changed[-1] if changed.ndim == 1 else changed[-1] + 1
        others.append(replace(transitions, **{field.name: changed}))
    digests = {one.digest for one in [transitions, both, *others]}
    assert len(digests) == 7
    assert corridor().digest == transitions.digest


def test_only_robots_that_moved_make_transitions():
    kinds = [ActionKind.MOVE, ActionKind.HOLD, ActionKind.HARD_RESET, ActionKind.MOVE]
    values = {ActionKind.MOVE: (0.5, -1.0)}
    actions = [RobotAction(0, kind, ActionSource.POLICY, values.get(kind, ())) for kind in kinds]
    states, next_states = np.arange(12.0).reshape(4, 3), np.arange(12.0, 24.0).reshape(4, 3)
    violated, ended = np.array([True, True, False, False]), np.array([False, False, True, True])
    transitions = transitions_of(states, actions, next_states, violated, ended, action_dim=2)
    np.testing.assert_array_equal(transitions.states_BS, states[[0, 3]])
    np.testing.assert_array_equal(transitions.actions_BA, [[0.5, -1.0]] * 2)
    np.testing.assert_array_equal(transitions.next_states_BS, next_states[[0, 3]])
    assert transitions.violated_B.tolist() == [True, False]
    assert transitions.episode_over_B.tolist() == [False, True]
    no_robots = transitions_of(states[:0], actions[:0], next_states[:0], violated[:0], ended[:0], action_dim=2)
    idle = transitions_of(states, [actions[1]] * 4, next_states, violated, ended, action_dim=2)
    assert len(no_robots) == len(idle) == 0
    assert (idle + transitions).digest == transitions.digest
