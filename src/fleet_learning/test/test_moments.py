"""The scaling that sites agree on is that of their pooled data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_learning.dataset import Dataset, new_dataset
from fleet_learning.moments import moments_of, moments_scaling, pooled, read_moments
from fleet_learning.scaling import contract_scaling

CONTRACT = read_yaml(Path(__file__).resolve().parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)


def dataset(seed, count, *, images=False) -> Dataset:
    """Observations with another mean and spread at each site, one of which does not vary."""
    random = np.random.default_rng(seed)
    if images:
        observed_B = random.integers(seed % 100, 256, (count, *CONTRACT.observed_shape("camera")))
    else:
        observed_B = random.normal(random.normal(), random.exponential(), (count, CONTRACT.state_dim))
        observed_B[:, 2] = 0.25
    return new_dataset(observed_B, random.uniform(-0.05, 0.05, (count, CONTRACT.action_dim)))


def files(folder, sites, stream="state"):
    paths = [folder / f"{number}.json" for number in range(len(sites))]
    for path, site in zip(paths, sites, strict=True):
        moments_of(site, CONTRACT, stream).write(path)
    return paths


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 2**20))
@settings(deadline=None, max_examples=50)
def test_pooled_moments_are_those_of_the_pooled_data(counts, seed):
    sites = [dataset(seed + number, count) for number, count in enumerate(counts)]
    together = sum(sites[1:], sites[0])
    found = pooled([moments_of(site, CONTRACT, "state") for site in sites])
    expected = moments_of(together, CONTRACT, "state")
    assert found.count == expected.count == sum(counts)
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.variances, expected.variances, rtol=1e-9, atol=1e-9)
    scaling = contract_scaling(CONTRACT, together)
    for name, own in moments_scaling(found, CONTRACT).tensors().items():
        torch.testing.assert_close(own, scaling.tensors()[name], rtol=1e-4, atol=1e-5)


def test_pixels_are_pooled_per_channel(tmp_path):
    sites = [dataset(1, 2, images=True), dataset(90, 3, images=True)]
    found = moments_scaling(read_moments(files(tmp_path, sites, "camera"), CONTRACT, "camera"), CONTRACT)
    expected = contract_scaling(CONTRACT, sites[0] + sites[1])
    for name, own in expected.tensors().items():
        torch.testing.assert_close(found.tensors()[name], own, rtol=1e-4, atol=1e-5)
    assert found.state_mean_S.shape == (3,)


def test_all_sites_get_the_same_scaling_in_whatever_order_they_name_the_files(tmp_path):
    paths = files(tmp_path, [dataset(seed, 3 + seed) for seed in range(7)])
    first = moments_scaling(read_moments(paths, CONTRACT, "state"), CONTRACT).tensors()
    for shift in range(1, 7):
        again = moments_scaling(read_moments(paths[shift:] + paths[:shift], CONTRACT, "state"), CONTRACT).tensors()
        assert all(torch.equal(own, first[name]) for name, own in again.items())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"count": 0}, "0.json: count: expected a number greater than 0, got 0."),
        ({"variances": [1.0]}, "0.json: variances: expected 6 numbers, got 1."),
        ({"variances": [1.0] * 5 + [-1.0]}, "0.json: variances: expected no number below 0, got -1.0."),
        ({"means": [1.0], "variances": [1.0]}, "0.json: means: expected 6 numbers, got 1."),
        ({"stream": "camera"}, "0.json: stream: expected state, got camera."),
        ({"contract": "0" * 64}, "0.json: contract: expected"),
        ({"deviation": 1}, "0.json: unknown key deviation"),
    ],
)
def test_moments_that_cannot_be_used_are_refused(tmp_path, change, sentence):
    (path,) = files(tmp_path, [dataset(0, 5)])
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError) as refused:
        read_moments([path], CONTRACT, "state")
    assert sentence in str(refused.value)


def test_files_that_are_missing_or_named_twice_are_refused(tmp_path):
    (path,) = files(tmp_path, [dataset(0, 5)])
    with pytest.raises(InputError, match="expected every site's moments once, got them twice"):
        read_moments([path, tmp_path / "." / path.name], CONTRACT, "state")
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        read_moments([tmp_path / "none.json"], CONTRACT, "state")
    with pytest.raises(InputError, match=r"nowhere.*cannot be written"):
        moments_of(dataset(0, 5), CONTRACT, "state").write(tmp_path / "nowhere" / "own.json")
