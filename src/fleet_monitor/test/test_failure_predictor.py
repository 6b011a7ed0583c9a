"""The predictor foresees interventions that always come at the same place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from moving_dot import CONFIG, CONTEXT, HORIZON, PIXELS, angles, images
from scipy.stats import rankdata

import fleet_learning.optimization
from fleet_contract.validation import InputError
from fleet_learning.labels import EpisodeEvents, Label
from fleet_monitor.episode import Episode
from fleet_monitor.failure_predictor import (
    LabelledFutures,
    labelled_futures,
    new_failure_predictor,
    predictor_config,
)
from fleet_monitor.foresight import UNKNOWN, foresee
from fleet_monitor.world_model import new_world_model

pytestmark = pytest.mark.slow

LEAD = 4
"""Steps before an intervention that are relabelled."""


def recorded(model, count, seed):
    """Some episodes; a human drives wherever the dot is in the upper sixth of its circle."""
    generator = np.random.default_rng(seed)
    episodes = []
    for angles_F in (angles(30, generator) for _ in range(count)):
        human_F = np.cos(angles_F - np.pi / 2) > np.cos(np.pi / 6)
        events = EpisodeEvents(human_F, np.zeros(30, bool), "truncated")
        episodes.append(Episode("turn", images(angles_F), events))
    return foresee(model, episodes, torch.Generator().manual_seed(seed))


def untrained_predictor(model):
    return new_failure_predictor(predictor_config(model), model.dynamics, seed=0)


@pytest.fixture(scope="module")
def predictor(world_model):
    futures = labelled_futures(recorded(world_model, 20, seed=10), LEAD)
    trained, _ = untrained_predictor(world_model).fit(futures, steps=250, seed=0)
    return trained


@pytest.fixture(scope="module")
def unseen(world_model, predictor):
    """Probabilities of contexts (B, 3) that the predictor has not learned, and labels (B, HORIZON) of what followed."""
    foreseen = recorded(world_model, 12, seed=11)
    followed = np.concatenate([one.labels(LEAD) for one in foreseen])
    imagined = torch.cat([one.foresight.sequences_BNSW for one in foreseen])
    known = (followed != UNKNOWN).all(1)
    return predictor.probabilities(imagined[torch.from_numpy(known)]).numpy(), followed[known]


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
    futures = torch.randn(3, 5, CONTEXT + HORIZON, CONFIG.autoencoder.latent, generator=generator)
    single = [predictor.probabilities(futures[:, [number]]) for number in range(5)]
    torch.testing.assert_close(predictor.probabilities(futures), torch.stack(single).mean(0))


def foreseen(labels, end):
    """An episode in which a human drove at some frames, with futures that do not matter."""
    human = np.array([label == Label.INTERVENTION for label in labels])
    blank = np.zeros((len(labels), PIXELS, PIXELS, 3), np.uint8)
    episode = Episode("turn", blank, EpisodeEvents(human, np.zeros(len(labels), bool), end))
    return foresee(new_world_model(CONFIG, seed=0), [episode], torch.Generator().manual_seed(0))[0]


def test_labels_are_those_of_the_frames_right_after_the_context():
    normal, human, soon = Label.NORMAL, Label.INTERVENTION, Label.PRE_INTERVENTION
    driven = [normal] * 6 + [human] * 3 + [normal] * 3
    beyond = {"failure": soon, "success": normal, "truncated": UNKNOWN}
    for end, after in beyond.items():
        last = [soon, soon] if end == "failure" else [normal, normal]
        known = [*[normal] * 4, soon, soon, *[human] * 3, normal, *last, *[after] * HORIZON]
        expected = [known[frame + CONTEXT :][:HORIZON] for frame in range(len(driven) - CONTEXT + 1)]
        np.testing.assert_array_equal(foreseen(driven, end).labels(lead=2), expected)


def test_futures_of_a_frame_share_its_labels():
    one = foreseen([Label.NORMAL] * 12, "failure")
    futures = labelled_futures([one, one], lead=11)
    np.testing.assert_array_equal(futures.labels_XL, np.repeat(np.tile(one.labels(11), (2, 1)), CONFIG.futures, 0))
    assert futures.latents_XSW.shape == (20 * CONFIG.futures, CONTEXT + HORIZON, CONFIG.autoencoder.latent)


def test_futures_of_which_nothing_is_known_do_not_count(world_model):
    known = labelled_futures(recorded(world_model, 5, seed=3), LEAD)
    ends_X = torch.from_numpy((known.labels_XL == UNKNOWN).all(1))
    assert ends_X.any()
    others = replace(known, latents_XSW=torch.where(ends_X[:, None, None], 9.0, known.latents_XSW))
    entropies = [untrained_predictor(world_model).fit(futures, steps=3, seed=0)[1] for futures in (known, others)]
    assert entropies[0] == entropies[1]


def test_too_few_frames_before_interventions_are_refused():
    with pytest.raises(InputError, match=r"^expected at least 10 frames before an intervention or a failure, got 9\.$"):
        labelled_futures([foreseen([Label.NORMAL] * 12, "failure")], lead=9)


class Interrupted(Exception):
    """The end of the process."""


def interrupt_at_5(done, _):
    if done == 5:
        raise Interrupted


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    monkeypatch.setattr(fleet_learning.optimization, "SAVE_EVERY_STEPS", 2)
    untrained, path = untrained_predictor(new_world_model(CONFIG, seed=0)), tmp_path / "training.safetensors"
    before = {name: tensor.clone() for name, tensor in untrained.net.state_dict().items()}
    latents = torch.randn(12, CONTEXT + HORIZON, CONFIG.autoencoder.latent, generator=torch.Generator().manual_seed(0))
    futures = LabelledFutures(latents, np.random.default_rng(0).integers(0, 3, (12, HORIZON)))
    options = {"steps": 9, "seed": 3}
    with pytest.raises(Interrupted):
        untrained.fit(futures, **options, on_step=interrupt_at_5, resume_path=path)
    with pytest.raises(InputError, match="got another training"):
        untrained.fit(replace(futures, latents_XSW=-latents), **options, resume_path=path)
    resumed, resumed_loss = untrained.fit(futures, **options, resume_path=path)
    uninterrupted, loss = untrained.fit(futures, **options)
    assert resumed_loss == loss
    assert resumed.optimizer_state.steps == 9
    for name, tensor in uninterrupted.net.state_dict().items():
        assert torch.equal(resumed.net.state_dict()[name], tensor), name
        assert torch.equal(untrained.net.state_dict()[name], before[name]), name
