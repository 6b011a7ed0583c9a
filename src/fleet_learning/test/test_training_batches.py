"""Batches hold the requested pairs, and images are replaced by one of their copies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from fleet_learning.augmentation import Augmentation
from fleet_learning.dataset import Dataset
from fleet_learning.scaling import fit_scaling
from fleet_learning.training_batches import training_batches

LOW, HIGH = torch.tensor([-2.0]), torch.tensor([2.0])
AUGMENTATION = Augmentation(copies=3)


def images(rows: int) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        rng.integers(0, 256, (rows, 6, 8, 3), dtype=np.uint8), np.arange(rows, dtype=np.float32)[:, None] / rows
    )


def seen(dataset: Dataset, rows: list[int], seed: int = 0, times: int = 40) -> list[set[bytes]]:
    """Return all copies of these rows that occur in many batches, in the image's values."""
    scaling = fit_scaling(torch.from_numpy(images(9).observations_B), LOW, HIGH)
    pairs = training_batches(dataset, scaling, AUGMENTATION, seed)
    generator, found = torch.Generator().manual_seed(1), [set[bytes]() for _ in rows]
    for _ in range(times):
        observed, actions = pairs(torch.tensor([rows]), generator)
        np.testing.assert_allclose(actions[0], scaling.actions(torch.from_numpy(dataset.actions_BA[rows])))
        values = torch.round(observed * scaling.state_std_S + scaling.state_mean_S)
        for copies, image in zip(found, values[0], strict=True):
            copies.add(image.numpy().astype(np.uint8).tobytes())
    return found


def test_every_copy_occurs_and_one_is_the_image_itself():
    dataset = images(9)
    for row, copies in zip([4, 7], seen(dataset, [4, 7]), strict=True):
        assert len(copies) == AUGMENTATION.copies
        assert dataset.observations_B[row].tobytes() in copies


def test_copies_do_not_change_when_the_dataset_grows_but_with_the_seed():
    assert seen(images(9), [2, 5]) == seen(images(9) + images(4), [2, 5])
    assert seen(images(9), [2, 5]) != seen(images(9), [2, 5], seed=1)


def test_states_are_not_augmented():
    states = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    dataset = Dataset(states, np.full((5, 1), 3.0, np.float32))
    scaling = fit_scaling(torch.from_numpy(states), LOW, HIGH)
    batch = torch.tensor([[0, 4], [1, 1]])
    observed, actions = training_batches(dataset, scaling, replace(AUGMENTATION, copies=1), 0)(batch, torch.Generator())
    torch.testing.assert_close(observed, scaling.states(torch.from_numpy(states))[batch])
    assert (actions == 1).all()  # clipped to the range
