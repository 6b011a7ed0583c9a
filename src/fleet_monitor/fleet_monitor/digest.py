"""Digests of training data and parameters, by which an interrupted training knows its own file."""

from __future__ import annotations

import hashlib

from torch import Tensor, nn


def digest_of(content: Tensor | nn.Module) -> str:
    """Return the sha256 of a tensor, or of all tensors of a module, hexadecimal."""
    tensors = [content] if isinstance(content, Tensor) else content.state_dict().values()
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
