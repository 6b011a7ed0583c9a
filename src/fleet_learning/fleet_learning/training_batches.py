"""Batches of a dataset for training: in model space and augmented.

E ensemble members, B batch, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fleet_learning.augmentation import Augmentation
from fleet_learning.dataset import Dataset
from fleet_learning.scaling import Scaling

TrainingBatches = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""From row indices (E, B) and a generator to observations (E, B, ...) and actions (E, B, A), both in model space."""


def training_batches(dataset: Dataset, scaling: Scaling, augmentation: Augmentation, seed: int) -> TrainingBatches:
    """Return the batches of a dataset: states as they are, images as one of their augmented copies, drawn per use."""
    if not dataset.has_images:
        states_BS, actions_BA = scaling.pairs(dataset)
        return lambda batch_EB, _: (states_BS[batch_EB], actions_BA[batch_EB])

    actions_BA = scaling.dataset_actions(dataset)
    copies = _Copies(dataset.observations_B, augmentation, seed)
    columns = dataset.observations_B.shape[2]
    # Scaled as rows of an image, whose values lie side by side in memory: several times faster than three channels at a time.
    row_scaling = replace(
        scaling, state_mean_S=scaling.state_mean_S.repeat(columns), state_std_S=scaling.state_std_S.repeat(columns)
    )

    def drawn(batch_EB: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        copies_EB = torch.randint(augmentation.copies, batch_EB.shape, generator=generator)
        images = torch.from_numpy(copies(batch_EB.numpy(), copies_EB.numpy())).to(actions_BA.device)
        rows = images.flatten(-2).float()
        return row_scaling.states(rows, out=rows).view(images.shape), actions_BA[batch_EB]

    return drawn


class _Copies:
    """Augmented copies of images, made when they are first used.

    A copy depends only on the seed, its row and its number: a dataset that grows at its end keeps the copies it had.
    """

    def __init__(self, images_B: NDArray[np.generic], augmentation: Augmentation, seed: int) -> None:
        # For images of this size, threads of OpenCV take half as much processor time again, and no less time.
        cv2.setNumThreads(1)
        self._images_B = images_B
        self._augmentation = augmentation
        self._seed = seed
        self._copies_CB = np.empty((augmentation.copies, *images_B.shape), np.uint8)
        self._made_CB = np.zeros((augmentation.copies, len(images_B)), bool)

    def __call__(self, rows_EB: NDArray[np.int64], copies_EB: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images (E, B, H, W, C)."""
        for copy, row in np.argwhere(~self._made_CB & self._requested(rows_EB, copies_EB)):
            rng = np.random.default_rng([self._seed, row, copy])
            self._copies_CB[copy, row] = self._augmentation.copy(self._images_B[row], copy, rng)
            self._made_CB[copy, row] = True
        return self._copies_CB[copies_EB, rows_EB]

    def _requested(self, rows_EB: NDArray[np.int64], copies_EB: NDArray[np.int64]) -> NDArray[np.bool_]:
        requested_CB = np.zeros_like(self._made_CB)
        requested_CB[copies_EB, rows_EB] = True
        return requested_CB
