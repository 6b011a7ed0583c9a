"""An image encoder returns the positions of things, and image policies learn to use it.

E ensemble members, H image rows, W image columns, C channels.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fleet_learning.augmentation import Augmentation
from fleet_learning.dataset import Dataset
from fleet_learning.image_encoder import SPATIAL_STEPS, SPREAD, ImageEncoderShape, spatial_softmax
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.scaling import fit_scaling
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import Langevin
from iifl_policy.loss import LossConfig
from iifl_policy.uniform import Uniform

SHAPE = ImageEncoderShape(20, 28, filters=(8, 8, 8))
LOW, HIGH = -torch.ones(2), torch.ones(2)
OPTIMIZER = OptimizerConfig(batch_size=32, learning_rate=3e-3)
FEW = Augmentation(copies=2)


def random(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (4, 6), (2, 0), (1, 5)])
def test_a_single_peak_is_found_where_it_is(row, column):
    maps = torch.zeros(1, 2, 5, 7)
    maps[0, 1, row, column] = 100.0
    found = spatial_softmax(maps)[0]
    expected = [0.0, 2 * column / 6 - 1, 0.0, 2 * row / 4 - 1]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_encoders_are_their_convolutions_one_member_after_the_other():
    encoders = SHAPE.new(2, torch.Generator().manual_seed(1))
    images = random(2, 3, 20, 28, 3)
    features = encoders(images)
    assert features.shape == (2, 3, SHAPE.features)
    for member in range(2):
        layers: list[nn.Module] = []
        for index, (weight, bias) in enumerate(zip(encoders.weights, encoders.biases, strict=True)):
            stride = [*SPATIAL_STEPS, 1][index]
            layer = nn.Conv2d(weight.shape[2], weight.shape[1], 3, stride, padding=1)
            layer.load_state_dict({"weight": weight[member], "bias": bias[member]})
            layers += [layer, nn.ReLU()]
        maps = nn.Sequential(*layers[:-1])(images[member].permute(0, 3, 1, 2)).detach()
        shares = torch.softmax(maps.flatten(2), -1).unflatten(2, maps.shape[2:])
        rows, columns = (torch.linspace(-1, 1, count) for count in maps.shape[2:])
        across = torch.einsum("bfhw,w->bf", shares, columns)
        down = torch.einsum("bfhw,h->bf", shares, rows)
        torch.testing.assert_close(features[member], SPREAD * torch.cat([across, down], -1))


def test_other_tensors_are_refused():
    encoders = SHAPE.new(2, torch.Generator())
    with pytest.raises(ValueError, match="expected those of 2 members"):
        encoders.with_tensors(SHAPE.new(3, torch.Generator()).tensors())
    with pytest.raises(ValueError, match="expected those of 2 members"):
        encoders.with_tensors(encoders.tensors() | {"weights.9": torch.zeros(1)})
    other = encoders.tensors()
    other["weight.0"] = other.pop("weights.0")
    with pytest.raises(KeyError):
        encoders.with_tensors(other)


def dots(rows: int, seed: int) -> Dataset:
    """Images with a red dot and several blue ones; the action is the position of the red dot."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 30, (rows, SHAPE.height, SHAPE.width, 3), dtype=np.uint8)
    places = np.stack([rng.integers(2, SHAPE.width - 2, (2, rows)), rng.integers(2, SHAPE.height - 2, (2, rows))], -1)
    for colour, places_B2 in zip((2, 0), places, strict=True):
        for image, (column, line) in zip(images, places_B2, strict=True):
            image[line - 1 : line + 2, column - 1 : column + 2] = 0
            image[line - 1 : line + 2, column - 1 : column + 2, colour] = 220
    middle = (np.array([SHAPE.width, SHAPE.height]) - 1) / 2
    return Dataset(images, ((places[1] - middle) / middle).astype(np.float32))


def explicit():
    shape = ExplicitShape(SHAPE.features, 2, members=2, width=32)
    return ExplicitConfig(shape, optimizer=OPTIMIZER, encoder=SHAPE, augmentation=FEW), new_explicit, 400


def implicit():
    config = ImplicitConfig(
        EnergyShape(SHAPE.features, 2, width=64, depth=2),
        sampler=Uniform(),
        chains=1024,
        loss=LossConfig(sampler=Langevin(iterations=5), gradient_margin=10.0),
        optimizer=OPTIMIZER,
        encoder=SHAPE,
        augmentation=FEW,
    )
    return config, new_implicit, 500


@pytest.mark.slow
@pytest.mark.parametrize("kind", [explicit, implicit])
def test_a_policy_learns_to_go_where_the_red_dot_is(kind):
    config, new, steps = kind()
    shown, held_out = dots(300, seed=0), dots(60, seed=1)
    untrained = new(config, fit_scaling(torch.from_numpy(shown.observations_B), LOW, HIGH), torch.Generator())
    policy = untrained.fit(shown, steps=steps, seed=0).policy
    assert policy.observes == "camera"
    found = policy.decide(held_out.observations_B, torch.Generator()).actions_NA
    errors = np.linalg.norm(found - held_out.actions_BA, axis=1)
    anywhere = np.linalg.norm(held_out.actions_BA, axis=1)
    assert np.median(errors) < 0.25 * np.median(anywhere)
