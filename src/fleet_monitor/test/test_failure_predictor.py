"""The predictor foresees interventions that always come at the same place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from moving_dot import CONFIG, CONTEXT, HORIZON, angles, images
from scipy.stats import rankdata

import fleet_learning.optimization
from fleet_contract.validation import InputError
from fleet_monitor.failure_predictor import (
    LabelledFutures,
    labelled_futures,
    new_failure_predictor,
    read_failure_predictor,
    write_failure_predictor,
)
from fleet_monitor.labels import EpisodeEvents, Label, step_labels
from fleet_monitor.world_model import new_world_model

pytestmark = pytest.mark.slow

LEAD = 4
"""Steps before an intervention that are relabelled."""


def labels_of(angles_F):
    """A human drives wherever the dot is in the upper sixth of its circle."""
    human = np.cos(angles_F - np.pi / 2) > np.cos(np.pi / 6)
    return step_labels(EpisodeEvents(human, np.zeros(len(human), bool), "truncated"), LEAD)


def recorded(model, count, seed):
    """Latents and labels of some episodes."""
    generator = np.random.default_rng(seed)
    episodes = [angles(30, generator) for _ in range(count)]
    return [model.encode(images(episode)) for episode in episodes], [labels_of(episode) for episode in episodes]


@pytest.fixture(scope="module")
def predictor(world_model):
    futures = labelled_futures(world_model, *recorded(world_model, 20, seed=10), torch.Generator().manual_seed(0))
    trained, _ = new_failure_predictor(world_model, seed=0).fit(futures, steps=150, seed=0)
    return trained


@pytest.fixture(scope="module")
def unseen(world_model, predictor):
    """Probabilities of contexts (B, 3) that the predictor has not learned, and labels (B, HORIZON) of what followed."""
    latents, labels = recorded(world_model, 12, seed=11)
    begins = [(episode, begin) for episode in range(12) for begin in range(30 - CONTEXT - HORIZON + 1)]
    contexts = torch.stack([latents[episode][begin : begin + CONTEXT] for episode, begin in begins])
    followed = np.stack([labels[episode][begin + CONTEXT :][:HORIZON] for episode, begin in begins])
    imagined = world_model.imagine(contexts, torch.Generator().manual_seed(1))
    return predictor.probabilities(imagined).numpy(), followed


def area_under_curve(scores, positive):
    """The share of pairs, one of each kind, in which the positive one has the higher score."""
    ranks, count = rankdata(scores), positive.sum()
    return (ranks[positive].sum() - count * (count + 1) / 2) / (count * (~positive).sum())


def test_probabilities_are_the_shares_of_the_steps_that_follow(unseen):
    probabilities, followed = unseen
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    for label in Label:
        assert np.abs(probabilities[:, label] - (followed == label).mean(1)).mean() < 0.1


def test_interventions_are_foreseen_while_all_is_normal(unseen):
    probabilities, followed = unseen
    normal_now = followed[:, 0] == Label.NORMAL
    soon = (followed == Label.PRE_INTERVENTION).sum(1) >= 2
    never = (followed == Label.NORMAL).all(1)
    asked = normal_now & (soon | never)
    assert min(soon[asked].sum(), never[asked].sum()) > 20
    assert area_under_curve(probabilities[asked, Label.PRE_INTERVENTION], soon[asked]) > 0.95


def test_probabilities_are_means_over_futures(world_model, predictor):
    generator = torch.Generator().manual_seed(2)
    futures = torch.randn(3, 5, HORIZON, CONFIG.autoencoder.latent, generator=generator)
    single = [predictor.probabilities(futures[:, [number]]) for number in range(5)]
    torch.testing.assert_close(predictor.probabilities(futures), torch.stack(single).mean(0))


def test_labels_are_those_of_the_frames_right_after_the_context():
    untrained = new_world_model(CONFIG, seed=0)
    lengths = [CONTEXT + HORIZON + 2, CONTEXT + HORIZON - 1, CONTEXT + HORIZON]
    generator = np.random.default_rng(0)
    labels = [generator.choice(len(Label), length, p=[0.2, 0.2, 0.6]) for length in lengths]
    latents = [torch.zeros(length, CONFIG.autoencoder.latent) for length in lengths]
    futures = labelled_futures(untrained, latents, labels, torch.Generator().manual_seed(0))
    expected = [labels[0][CONTEXT + begin :][:HORIZON] for begin in range(3)] + [labels[2][CONTEXT:]]
    np.testing.assert_array_equal(futures.labels_XL, np.repeat(expected, CONFIG.futures, 0))
    assert futures.latents_XLW.shape == (4 * CONFIG.futures, HORIZON, CONFIG.autoencoder.latent)


def test_too_few_frames_before_interventions_are_refused():
    untrained = new_world_model(CONFIG, seed=0)
    labels = np.zeros(30, np.int64)
    labels[3:12] = Label.PRE_INTERVENTION
    with pytest.raises(InputError, match=r"^labels: expected at least 10 frames before an intervention, got 9\.$"):
        labelled_futures(untrained, [torch.zeros(30, 16)], [labels], torch.Generator())


def test_episodes_that_are_all_too_short_are_refused():
    untrained = new_world_model(CONFIG, seed=0)
    short = [np.full(8, Label.PRE_INTERVENTION)] * 2
    with pytest.raises(InputError, match=r"expected at least one of 9 frames or more, got none\.$"):
        labelled_futures(untrained, [torch.zeros(8, 16)] * 2, short, torch.Generator())


class Interrupted(Exception):
    """The end of the process."""


def interrupt_at_5(done, _):
    if done == 5:
        raise Interrupted


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    monkeypatch.setattr(fleet_learning.optimization, "SAVE_EVERY_STEPS", 2)
    untrained, path = new_failure_predictor(new_world_model(CONFIG, seed=0), seed=0), tmp_path / "training.safetensors"
    before = {name: tensor.clone() for name, tensor in untrained.net.state_dict().items()}
    latents = torch.randn(12, HORIZON, CONFIG.autoencoder.latent, generator=torch.Generator().manual_seed(0))
    futures = LabelledFutures(latents, np.random.default_rng(0).integers(0, 3, (12, HORIZON)))
    options = {"steps": 9, "seed": 3}
    with pytest.raises(Interrupted):
        untrained.fit(futures, **options, on_step=interrupt_at_5, resume_path=path)
    with pytest.raises(InputError, match="got another training"):
        untrained.fit(replace(futures, latents_XLW=-latents), **options, resume_path=path)
    resumed, resumed_loss = untrained.fit(futures, **options, resume_path=path)
    uninterrupted, loss = untrained.fit(futures, **options)
    assert resumed_loss == loss
    assert resumed.optimizer_state.steps == 9
    for name, tensor in uninterrupted.net.state_dict().items():
        assert torch.equal(resumed.net.state_dict()[name], tensor), name
        assert torch.equal(untrained.net.state_dict()[name], before[name]), name


def test_a_written_predictor_is_read_as_it_was(tmp_path, predictor):
    write_failure_predictor(tmp_path / "predictor", predictor, world_model="abc", task="push")
    read = read_failure_predictor(tmp_path / "predictor", world_model="abc", task="push")
    futures = torch.randn(2, 3, HORIZON, CONFIG.autoencoder.latent, generator=torch.Generator().manual_seed(0))
    assert torch.equal(read.probabilities(futures), predictor.probabilities(futures))
    assert read.optimizer_state.steps == predictor.optimizer_state.steps


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"world_model": "def"}, r"predictor: world_model: expected def, which imagines, got abc\.$"),
        ({"task": "turn"}, r"predictor: task: expected turn, got push\.$"),
    ],
)
def test_a_predictor_of_something_else_is_refused(tmp_path, changed, sentence):
    untrained = new_failure_predictor(new_world_model(CONFIG, seed=0), seed=0)
    write_failure_predictor(tmp_path / "predictor", untrained, world_model="abc", task="push")
    with pytest.raises(InputError, match=sentence):
        read_failure_predictor(tmp_path / "predictor", **{"world_model": "abc", "task": "push"} | changed)


def test_a_predictor_with_other_tensors_is_refused(tmp_path):
    untrained = new_failure_predictor(new_world_model(CONFIG, seed=0), seed=0)
    other = replace(untrained, config=replace(untrained.config, embedding=16))
    write_failure_predictor(tmp_path / "predictor", other, world_model="abc", task="push")
    with pytest.raises(InputError, match=r"expected the tensors of the predictor's config, got others\.$"):
        read_failure_predictor(tmp_path / "predictor", world_model="abc", task="push")
