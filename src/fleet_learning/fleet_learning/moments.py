"""Moments of observations: all that sites exchange to agree on one scaling.

S state dim, or channels of images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator

from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError, StrictModel, read_yaml
from fleet_learning.dataset import Dataset
from fleet_learning.scaling import Scaling, contract_range, scaling_by


class Moments(StrictModel):
    """Count, means and variances of the observations in one or several datasets."""

    contract: str
    """Digest of the robots' contract."""
    stream: Stream
    """What was observed."""
    count: int = Field(gt=0)
    """Number of observations; of images, number of pixels."""
    means: tuple[float, ...] = Field(min_length=1)
    """Means, in the contract's units; of images, per channel."""
    variances: tuple[float, ...]
    """Variances, in the squares of these units."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if len(self.variances) != len(self.means):
            raise ValueError(f"variances: expected {len(self.means)} numbers, got {len(self.variances)}")
        if min(self.variances) < 0:
            raise ValueError(f"variances: expected no number below 0, got {min(self.variances)}")
        return self

    def write(self, path: Path) -> None:
        """Write the moments as JSON.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}.") from None


def moments_of(dataset: Dataset, contract: RobotContract, stream: Stream) -> Moments:
    """Return the moments of a dataset that is not empty."""
    values_XS = dataset.observations_B.reshape(-1, dataset.observations_B.shape[-1])
    return Moments(
        contract=contract.digest,
        stream=stream,
        count=len(values_XS),
        means=tuple(values_XS.mean(0, dtype=np.float64).tolist()),
        variances=tuple(values_XS.var(0, dtype=np.float64).tolist()),
    )


def pooled(moments: Sequence[Moments]) -> Moments:
    """Return the moments of all datasets together (Chan et al. 1983, equation 2.1)."""
    counts = np.array([own.count for own in moments], np.float64)
    shares_N1 = counts[:, None] / counts.sum()
    means_NS, variances_NS = (np.array([getattr(own, name) for own in moments]) for name in ("means", "variances"))
    means_S = (shares_N1 * means_NS).sum(0)
    variances_S = (shares_N1 * (variances_NS + (means_NS - means_S) ** 2)).sum(0)
    return Moments(
        contract=moments[0].contract,
        stream=moments[0].stream,
        count=sum(own.count for own in moments),
        means=tuple(means_S.tolist()),
        variances=tuple(variances_S.tolist()),
    )


def moments_scaling(moments: Moments, contract: RobotContract) -> Scaling:
    """Return the scaling by these moments and the robot's range of actions."""
    means_S, variances_S = (torch.tensor(own, dtype=torch.float64) for own in (moments.means, moments.variances))
    return scaling_by(means_S.float(), variances_S.sqrt().float(), *contract_range(contract))


def read_moments(paths: Sequence[Path], contract: RobotContract, stream: Stream) -> Moments:
    """Return the moments of all files together; their order does not matter.

    Raises:
        InputError: a file cannot be used, is given twice, or is about other robots or another stream.
    """
    read: dict[Path, Moments] = {}
    for path in paths:
        if path.resolve() in read:
            raise InputError(f"{path}: expected every site's moments once, got them twice.")
        moments = read_yaml(path, Moments)
        contract.require_same(moments.contract, owner=str(path))
        if moments.stream != stream:
            raise InputError(f"{path}: stream: expected {stream}, got {moments.stream}.")
        size = contract.observed_shape(stream)[-1]
        if len(moments.means) != size:
            raise InputError(f"{path}: means: expected {size} numbers, got {len(moments.means)}.")
        read[path.resolve()] = moments
    # Sums in one order: every site has to get the same scaling to the last bit.
    return pooled(sorted(read.values(), key=Moments.model_dump_json))
