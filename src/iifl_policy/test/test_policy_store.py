"""A policy store gives back every version as it was added, and an interrupted addition changes nothing."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

import fleet_learning.policy_store
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_learning.checkpoint import checkpoint_metadata
from fleet_learning.dataset import Dataset, empty_dataset
from fleet_learning.policy_store import PolicyStore
from fleet_learning.scaling import contract_scaling
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)


def dataset(rows=4, seed=0) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset(rng.normal(size=(rows, 6)).astype(np.float32), rng.normal(size=(rows, 2)).astype(np.float32))


def policy(seed=0):
    config = ExplicitConfig(ExplicitShape(6, 2, members=2, width=4, depth=1))
    return new_explicit(config, contract_scaling(CONTRACT, dataset(20)), torch.Generator().manual_seed(seed))


def add(store, seed=0, *, data: Dataset | None):
    of = data or empty_dataset((6,), 2)
    metadata = checkpoint_metadata(policy(seed), CONTRACT, calibrations=(), dataset=of, command=f"seed {seed}")
    return store.add(policy(seed), metadata, data)


def files(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_same(one: Dataset, other: Dataset) -> None:
    np.testing.assert_array_equal(one.observations_B, other.observations_B)
    np.testing.assert_array_equal(one.actions_BA, other.actions_BA)


def test_an_empty_store_has_no_versions_and_makes_no_folder(tmp_path):
    store = PolicyStore(tmp_path / "policies")
    assert (list(store.versions()), store.latest(), store.find("0" * 64)) == ([], None, None)
    with pytest.raises(InputError, match=r"version_001\.safetensors: there is no such checkpoint\.$"):
        store.read(1, CONTRACT)
    assert not (tmp_path / "policies").exists()


def test_versions_are_numbered_from_1_and_read_as_they_were_added(tmp_path):
    store = PolicyStore(tmp_path / "policies")
    added = [add(store, seed, data=dataset(seed=seed)) for seed in range(3)]
    assert [version.version for version in added] == list(store.versions()) == [1, 2, 3]
    assert store.latest() == added[-1]
    for seed, version in enumerate(added):
        assert version.digest == sha256(version.checkpoint.read_bytes()).hexdigest()
        assert store.find(version.digest) == version
        loaded = PolicyStore(tmp_path / "policies").read(version.version, CONTRACT)
        assert loaded.metadata.command == f"seed {seed}"
        assert_same(loaded.dataset, dataset(seed=seed))
        for name, tensor in policy(seed).tensors().items():
            assert torch.equal(loaded.policy.tensors()[name], tensor), name


def test_a_digest_that_two_versions_share_finds_the_newest(tmp_path):
    store = PolicyStore(tmp_path)
    first, second = (add(store, data=None) for _ in range(2))
    assert first.digest == second.digest
    assert store.find(first.digest) == second


def test_file_names_are_those_of_the_runs_of_version_0_1_0(tmp_path):
    """The first version that a run of 0.1.0 trained is number 2, and its training set lies beside it."""
    add(PolicyStore(tmp_path, first_version=2), data=dataset())
    assert files(tmp_path) == ["version_002.safetensors", "version_002_dataset.npz"]
    assert PolicyStore(tmp_path, first_version=2).latest().version == 2
    assert PolicyStore(tmp_path).latest() is None


def test_a_version_may_have_no_training_set(tmp_path):
    store = PolicyStore(tmp_path)
    assert add(store, data=None).dataset is None
    assert store.read(1, CONTRACT).dataset is None
    assert files(tmp_path) == ["version_001.safetensors"]


@pytest.mark.parametrize("next_data", [dataset(seed=2), None], ids=["a training set", "no training set"])
def test_an_interrupted_addition_leaves_the_store_as_it_was(tmp_path, monkeypatch, next_data):
    store = PolicyStore(tmp_path)
    before = add(store, 0, data=dataset())

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fleet_learning.policy_store, "write_checkpoint", interrupted)
        with pytest.raises(KeyboardInterrupt):
            add(store, 1, data=dataset(seed=1))
    assert store.latest() == before
    after = add(store, 2, data=next_data)
    assert after.version == 2
    loaded = store.read(2, CONTRACT)
    assert loaded.metadata.command == "seed 2"
    assert (loaded.dataset is None) == (next_data is None)
    if next_data is not None:
        assert_same(loaded.dataset, next_data)


def test_a_version_whose_files_cannot_be_read_is_refused(tmp_path):
    store = PolicyStore(tmp_path)
    version = add(store, data=dataset())
    version.dataset.write_bytes(b"a text")
    with pytest.raises(InputError, match=r"version_001_dataset\.npz: "):
        store.read(1, CONTRACT)
    version.checkpoint.write_bytes(b"a text")
    with pytest.raises(InputError, match=r"version_001\.safetensors: "):
        store.read(1, CONTRACT)
