"""Messages between the server and the sites: one line of JSON, and bytes after it. Reading one never executes code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, TypeVar

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.moments import Moments

LONGEST_HEADER = 100_000
"""Bytes of the line of JSON."""
TENSOR_OVERHEAD = 1_000
"""Bytes by which a tensor's name, shape and place may lengthen a message."""
MAX_NAME = 64

Method = Literal["regression_mean", "fleet_merge", "average"]
"""How a round merges.

regression_mean: RegMean after each site has matched its units, by activations, to the policy that the round began with.
fleet_merge: the mean after one epoch of FLEET-MERGE's algorithm 1.
average: the mean (federated averaging).
"""


class Query(StrictModel):
    """What the server asks of a site."""

    kind: Literal["moments", "train", "align", "finish"]
    """moments: return the moments of the observations. train: train from the policy that follows, a checkpoint. align: find better places for the units of what was trained, given
    the sites' mean, tensors. finish: store the policy that follows, a checkpoint; no round comes after."""
    round: int = Field(ge=1)
    method: Method
    steps: int = Field(ge=1)
    """Gradient steps of a round."""
    seed: int
    sites: int = Field(ge=0)
    """align only: number of sites that the mean is of."""


class Reply(StrictModel):
    """What a site answers; its tensors follow."""

    site: str = Field(min_length=1, max_length=MAX_NAME, pattern=r"^[\w.-]+$")
    round: int
    error: str | None = Field(default=None, max_length=1000)
    """Why the site cannot answer; no tensors follow."""
    pairs: int = Field(default=0, ge=0)
    """Pairs that the site trained on."""
    loss: float = 0.0
    """Mean training loss over the last steps."""
    moments: Moments | None = None
    """moments only: those of the observations that the site trains on."""


Header = TypeVar("Header", bound=StrictModel)


def packed(header: StrictModel, content: bytes = b"") -> bytes:
    """Return a message."""
    return header.model_dump_json().encode() + b"\n" + content


def unpacked(message: bytes, model: type[Header], *, source: str) -> tuple[Header, bytes]:
    """Return the header of a message, and the bytes after it.

    Raises:
        InputError: the header is none of this kind.
    """
    line, newline, content = message.partition(b"\n")
    try:
        header = json.loads(line) if newline and len(line) <= LONGEST_HEADER else None
    except (ValueError, RecursionError):
        header = None
    if header is None:
        raise InputError(f"{source}: expected a line of JSON of at most {LONGEST_HEADER} bytes, got none.")
    return validated(header, model, source=source), content


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return named tensors as bytes (safetensors)."""
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def read_tensors(content: bytes, *, source: str) -> dict[str, Tensor]:
    """Return the tensors of some bytes.

    Raises:
        InputError: the bytes are no complete safetensors.
    """
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{source}: expected tensors, got no complete safetensors ({error}).") from None


def longest_message(tensors: Mapping[str, Tensor]) -> int:
    """Return the number of bytes that a message with tensors like these has at most."""
    return 2 * LONGEST_HEADER + sum(tensor.nbytes + TENSOR_OVERHEAD for tensor in tensors.values())
