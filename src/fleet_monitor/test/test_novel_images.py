"""World model, bank, threshold and vote together call a human for images that were never seen, and hardly for others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moving_dot import CONTEXT, episodes

from fleet_monitor.bank import BankConfig, fit_bank
from fleet_monitor.thresholds import FixedPercentile
from fleet_monitor.vote import TWO_OF_THREE

FRAMES = 20


def futures(model, recorded):
    """Imagined futures (episodes, ticks, N, L, W), from the first tick that has a context on."""
    latents = torch.stack([model.encode(images) for images in recorded])
    contexts = latents.unfold(1, CONTEXT, 1).transpose(2, 3)
    return model.imagine(contexts.flatten(0, 1), torch.Generator().manual_seed(0)).view(
        len(recorded), FRAMES - CONTEXT + 1, *imagined_shape(model)
    )


def imagined_shape(model):
    return model.config.futures, model.config.dynamics.horizon, model.config.autoencoder.latent


@pytest.mark.slow
def test_episodes_with_two_dots_call_a_human(world_model):
    seen, held_out, new, other = (episodes(20, FRAMES, seed) for seed in (20, 21, 22, 23))
    strange = [np.maximum(one, another) for one, another in zip(new, other, strict=True)]
    bank = fit_bank({"push": futures(world_model, seen).flatten(0, 3)}, BankConfig(dimensions=8, centres=32), seed=0)

    def novelties(recorded):
        """Novelties (episodes, ticks)."""
        imagined = futures(world_model, recorded)
        values = bank.novelties(imagined.flatten(0, 1), ["push"] * (imagined.shape[0] * imagined.shape[1]))
        return values.view(imagined.shape[:2]).double().numpy()

    threshold = FixedPercentile(95).choose(list(novelties(held_out)), 0.0)

    def called(recorded):
        """Whether each episode called a human."""
        return np.array([(TWO_OF_THREE.over_episode(values) > threshold).any() for values in novelties(recorded)])

    assert called(strange).mean() > 0.9
    assert called(new).mean() < 0.5
    assert (novelties(new) > threshold).mean() < 0.15
