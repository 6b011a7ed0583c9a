"""The versions of a policy on disk: a checkpoint each, and the training set that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleet_contract.robot import RobotContract
from fleet_learning.checkpoint import CheckpointMetadata, read_checkpoint, write_checkpoint
from fleet_learning.dataset import Dataset, read_dataset
from fleet_learning.policy import Policy
from fleet_learning.tensor_file import file_digest
from fleet_learning.version_folder import VersionFolder


@dataclass(frozen=True)
class StoredVersion:
    """The files of one version."""

    version: int
    checkpoint: Path
    dataset: Path | None
    """Training set; None for a version that has none, such as one merged from other policies."""
    digest: str
    """sha256 of the checkpoint file, hexadecimal."""


@dataclass(frozen=True)
class LoadedVersion:
    """The content of one version."""

    policy: Policy
    metadata: CheckpointMetadata
    dataset: Dataset | None


class PolicyStore:
    """Keeps numbered versions of a policy in a folder.

    A version exists once its checkpoint does, which is written last, and whole or not at all: a process that is interrupted
    while it adds a version leaves the store as it was. One process writes; any number may read.
    """

    def __init__(self, folder: Path, *, first_version: int = 1) -> None:
        """Open the store; the folder is made when the first version is added.

        Args:
            folder: where the files are.
            first_version: number of the oldest version in this folder; those before it are kept elsewhere.
        """
        self._files = VersionFolder(folder, first_version)

    def versions(self) -> range:
        """Return the numbers of all versions, oldest first; there are no gaps."""
        return self._files.versions()

    def latest(self) -> StoredVersion | None:
        """Return the newest version, or None if there is none."""
        versions = self.versions()
        return self._read_stored(versions[-1]) if versions else None

    def find(self, digest: str) -> StoredVersion | None:
        """Return the newest version whose checkpoint file has this sha256, or None."""
        stored = (self._read_stored(version) for version in reversed(self.versions()))
        return next((version for version in stored if version.digest == digest), None)

    def read(self, version: int, contract: RobotContract) -> LoadedVersion:
        """Return a version's policy, metadata and training set.

        Raises:
            InputError: there is no such version, or its files cannot be read or were made for another contract.
        """
        policy, metadata = read_checkpoint(self._checkpoint(version), contract)
        path = self._dataset(version)
        observed = contract.observed_shape(policy.observes)
        return LoadedVersion(
            policy, metadata, read_dataset(path, observed, contract.action_dim) if path.exists() else None
        )

    def add(self, policy: Policy, metadata: CheckpointMetadata, dataset: Dataset | None) -> StoredVersion:
        """Write the next version: its training set first, its checkpoint last.

        Args:
            policy: the policy.
            metadata: what its checkpoint says about it.
            dataset: its training set, if it has one.
        """
        version = self.versions().stop
        self._files.folder.mkdir(parents=True, exist_ok=True)
        # An interrupted process may have left a training set without a checkpoint.
        self._dataset(version).unlink(missing_ok=True)
        if dataset is not None:
            dataset.save(self._dataset(version))
        digest = write_checkpoint(self._checkpoint(version), policy, metadata)
        return self._stored(version, digest)

    def _read_stored(self, version: int) -> StoredVersion:
        return self._stored(version, file_digest(self._checkpoint(version)))

    def _stored(self, version: int, digest: str) -> StoredVersion:
        dataset = self._dataset(version)
        return StoredVersion(version, self._checkpoint(version), dataset if dataset.exists() else None, digest)

    def _checkpoint(self, version: int) -> Path:
        return self._files.file(version)

    def _dataset(self, version: int) -> Path:
        return self._files.folder / f"version_{version:03d}_dataset.npz"
