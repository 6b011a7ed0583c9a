"""After a round, detectors know its episodes and thresholds fit them; tasks with too few of them stay as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from moving_dot import CONTEXT
from test_monitor import KINDS, TASKS, contract, recorded

from fleet_contract.validation import InputError
from fleet_learning.randomness import torch_generator
from fleet_monitor.bank import BankConfig, fit_bank
from fleet_monitor.foresight import foresee
from fleet_monitor.monitor import DETECTORS, help_ratios, new_monitor, read_monitor, write_monitor
from fleet_monitor.novelty import NoveltyConfig, NoveltyDetector
from fleet_monitor.round import FEWEST_FRAMES, after_round
from fleet_monitor.rules import DEFAULT_RULE, adaptive, adaptive_if_possible, same_for_all
from fleet_monitor.thresholds import AdaptivePercentile
from fleet_monitor.world_model import read_world_model, write_world_model

pytestmark = pytest.mark.slow


def smaller(monitor):
    """The same monitor, whose detectors learn in few gradient steps, with a small bank."""
    quick = {"steps": 10, "bank": BankConfig(dimensions=4, centres=8)}
    return replace(
        monitor,
        detectors=tuple(
            replace(
                own, config=own.config.model_copy(update={key: quick[key] for key in quick.keys() & vars(own.config)})
            )
            for own in monitor.detectors
        ),
    )


@pytest.fixture(scope="module")
def files(world_model, tmp_path_factory):
    """The files of a world model and of a monitor that has learned from a first round."""
    folder = tmp_path_factory.mktemp("round")
    write_world_model(folder / "world.safetensors", world_model, contract())
    model, digest = read_world_model(folder / "world.safetensors", contract())
    learned, held_back = (foresee(model, recorded(seed), torch_generator(seed)) for seed in (1, 2))
    fitted = smaller(new_monitor(model, KINDS, seed=0)).fitted(learned, seed=0)
    monitor = fitted.calibrated(held_back, dict.fromkeys(KINDS, DEFAULT_RULE), help_ratios(learned))
    path = folder / "monitor.safetensors"
    write_monitor(path, monitor, contract(), world_model=digest, world_model_file="world.safetensors", rounds=1)
    return path, monitor, digest


@pytest.fixture(scope="module")
def monitor(files):
    return files[1]


def test_detectors_learn_from_one_half_and_thresholds_are_chosen_from_the_other(monitor):
    episodes = recorded(3, count=24)
    found = after_round(monitor, episodes, seed=9)
    # Tasks alternate, and so do the halves of each task.
    halves = [[one for number, one in enumerate(episodes) if number // 2 % 2 == half] for half in (0, 1)]
    learned, held_back = (foresee(monitor.model, own, torch_generator(9, half)) for half, own in enumerate(halves))
    expected = monitor.fitted(learned, seed=9).calibrated(
        held_back, dict.fromkeys(KINDS, DEFAULT_RULE), help_ratios(held_back)
    )
    assert found.thresholds == expected.thresholds != monitor.thresholds
    for own, other in zip(found.detectors, expected.detectors, strict=True):
        assert own.config == other.config
        assert all(torch.equal(tensor, other.tensors()[name]) for name, tensor in own.tensors().items())


def test_the_same_round_and_seed_give_the_same_monitor(monitor):
    twice = [after_round(monitor, recorded(3, count=12), seed=4) for _ in range(2)]
    assert twice[0].thresholds == twice[1].thresholds
    for own, other in zip(*(one.detectors for one in twice), strict=True):
        assert all(torch.equal(tensor, other.tensors()[name]) for name, tensor in own.tensors().items())


def test_a_monitor_that_was_written_between_two_rounds_learns_the_same(files):
    """The failure detector is the exception: the moments of its optimizer are not written."""
    path, monitor, _ = files
    read, _ = read_monitor(path, contract())
    kinds = ("novelty", "distillation")
    found, expected = (after_round(one.only(kinds), recorded(3, count=12), seed=4) for one in (read, monitor))
    assert found.thresholds == expected.thresholds
    for own, other in zip(found.detectors, expected.detectors, strict=True):
        for name, tensor in own.tensors().items():
            assert torch.equal(tensor, other.tensors()[name]), f"{own.kind}.{name}"


def test_a_task_without_enough_episodes_stays_as_it_was(monitor):
    """Of the task `far`, there are episodes for one of the halves only."""
    near = [episode for episode in recorded(3, count=12) if episode.task == "near"]
    far = next(episode for episode in recorded(3, count=12) if episode.task == "far")
    found = after_round(monitor, [*near, far], seed=4)
    assert found.thresholds["far"] == monitor.thresholds["far"]
    assert found.thresholds["near"] != monitor.thresholds["near"]
    probe = foresee(monitor.model, [replace(far, task=task) for task in TASKS], torch_generator(1))
    for kind in ("failure", "novelty"):
        before, after = (one.only((kind,)).detectors[0] for one in (monitor, found))
        for one in probe:
            same = np.array_equal(before.scores(one.foresight), after.scores(one.foresight))
            assert same == (one.task == "far"), kind


@pytest.mark.parametrize(
    "episodes",
    [
        [],
        recorded(3, count=2),
        [replace(one, observations_F=one.observations_F[: CONTEXT - 1]) for one in recorded(3, frames=CONTEXT - 1)],
        recorded(3, count=4, frames=CONTEXT + FEWEST_FRAMES - 2),
    ],
    ids=["no episode", "one per task", "shorter than the context", "too few frames"],
)
def test_a_round_that_is_too_short_changes_nothing(monitor, episodes):
    assert after_round(monitor, episodes, seed=4) is monitor


def test_the_adaptive_rule_follows_the_help_of_the_round(monitor):
    """The task with more help gets the lower percentile."""
    helped = [
        replace(one, events=replace(one.events, human_T=np.arange(24) < 4)) if one.task == "near" else one
        for one in recorded(3, count=24)
    ]
    rule = AdaptivePercentile(offset=50.0, gain=45.0, decay=20.0, lowest=50.0, highest=95.0)
    kinds = ("reconstruction",)
    found = after_round(monitor.only(kinds), helped, seed=4, rules=same_for_all(rule))
    held_back = [one for number, one in enumerate(helped) if number // 2 % 2]
    foreseen = foresee(monitor.model, held_back, torch_generator(4, 1))
    (detector,) = found.detectors
    for task, share in (("near", 4 / 24), ("far", 0.0)):
        own = [one for one in foreseen if one.task == task and one.episode.events.end == "success"]
        scores = np.concatenate([np.where(one.normal_F, found.voted(detector, one), np.nan) for one in own])
        percentile = 50 + 45 * np.exp(-20 * share)
        assert found.thresholds[task]["reconstruction"] == pytest.approx(np.nanpercentile(scores, percentile))


def test_percentiles_are_fitted_to_a_round_of_three_tasks_that_needed_different_help(monitor):
    """Humans drove while the dot was doubled, which is what the detector finds hard to reconstruct."""

    def helped(one, other, task, frames):
        human_F = np.arange(24) < frames
        doubled_F = np.maximum(one.observations_F, other.observations_F)
        seen_F = np.where(human_F[:, None, None, None], doubled_F, one.observations_F)
        return replace(one, task=task, observations_F=seen_F, events=replace(one.events, human_T=human_F))

    shares = {"rarely": 2, "often": 8, "mostly": 14}
    pairs = list(zip(recorded(3, count=6), recorded(103, count=6), strict=True))
    episodes = [helped(*pair, task, frames) for task, frames in shares.items() for pair in pairs]
    foreseen = foresee(monitor.model, episodes, torch_generator(0))
    lone = monitor.only(("reconstruction",))
    ratios = help_ratios(foreseen)
    fitted = adaptive(lone, foreseen, ratios)["reconstruction"]
    percentiles = [fitted.percentile(ratios[task]) for task in shares]
    assert sorted(percentiles, reverse=True) == percentiles
    assert adaptive_if_possible(lone, foreseen, ratios) == {"reconstruction": fitted}
    two = [one for one in foreseen if one.task != "mostly"]
    with pytest.raises(
        InputError, match=r"^rounds: expected at least 3 with different ratios of help, got 2 such rounds\.$"
    ):
        adaptive(lone, two, ratios)
    assert adaptive_if_possible(lone, two, ratios) == {"reconstruction": DEFAULT_RULE}


def test_a_round_makes_what_was_new_familiar(monitor):
    """Frames with two dots are new to the bank, until a round has them."""

    def doubled(seed):
        others = recorded(seed + 100, count=24)
        return [
            replace(
                one,
                observations_F=np.maximum(one.observations_F, other.observations_F),
                events=replace(one.events, end="success"),
            )
            for one, other in zip(recorded(seed, count=24), others, strict=True)
        ]

    bank = monitor.only(("novelty",))
    (before,), (after,) = (one.detectors for one in (bank, after_round(bank, doubled(3), seed=4)))
    probe = foresee(monitor.model, doubled(5), torch_generator(1))
    usual = foresee(monitor.model, recorded(5, count=8), torch_generator(1))
    news, familiar = (
        [np.mean([own.scores(one.foresight).mean() for one in seen]) for own in (before, after)]
        for seen in (probe, usual)
    )
    assert news[1] < 0.95 * news[0]
    # What the first round has shown stays more familiar.
    assert familiar[1] < 0.8 * news[1]


def test_a_bank_from_before_there_was_a_memory_begins_with_its_centres(monitor):
    (detector,) = monitor.only(("novelty",)).detectors
    tensors = {name: own for name, own in detector.tensors().items() if not name.startswith("remembered")}
    old = NoveltyDetector.restored(NoveltyConfig(bank=detector.config.bank, tasks=detector.config.tasks), tensors, None)
    for task, centres_CK in detector.bank.centres.items():
        sample = old.bank.remembered[task]
        assert sample.seen == len(sample.latents_mW)
        assert torch.equal(torch.unique(sample.latents_mW, dim=0), torch.unique(centres_CK, dim=0))


def test_a_second_round_of_the_same_latents_gives_centres_of_the_same_clusters():
    means = 20 * torch.eye(6)[:4]
    generator = torch.Generator().manual_seed(0)
    first, second = (
        torch.cat([mean + torch.randn(200, 6, generator=generator) for mean in means[part]])
        for part in (slice(0, 4), slice(2, 4))
    )
    bank = fit_bank({"push": first}, BankConfig(dimensions=4, centres=4), seed=0).fitted({"push": second}, seed=1)
    assert bank.remembered["push"].seen == 1200
    found = bank.centres["push"] @ bank.components_WK.T + bank.mean_W
    assert (torch.cdist(means, found).amin(1) < 0.5).all()


def test_every_detector_learns_from_a_round(monitor):
    """The world model's own scores are the exception."""
    after = after_round(monitor, recorded(3, count=24), seed=9)
    changed = {
        own.kind
        for own, other in zip(monitor.detectors, after.detectors, strict=True)
        if any(not torch.equal(tensor, other.tensors()[name]) for name, tensor in own.tensors().items())
    }
    assert changed == DETECTORS.keys() - {"reconstruction", "spread"}
