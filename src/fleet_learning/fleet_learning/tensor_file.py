"""Files of named tensors with a JSON text about them and a content digest (safetensors); reading one never executes code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fleet_contract.validation import InputError


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: str, *, kind: str) -> str:
    """Write a file, whole or not at all.

    Args:
        path: the file.
        tensors: what it holds.
        about: JSON text about the tensors.
        kind: name and version of the format.

    Returns:
        sha256 of the file, hexadecimal.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    header = {"format": kind, "about": about, "content": _content_digest(tensors, about)}
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(_reproducible(save(tensors, header)))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return file_digest(path)


def read_tensors(
    path: Path, *, kind: str, digest: str | None = None, dtype: torch.dtype = torch.float32
) -> tuple[dict[str, Tensor], str]:
    """Return the tensors of a file and the text about them.

    Args:
        path: the file.
        kind: name and version of the format that it must have.
        digest: expected sha256 of the file, hexadecimal; None accepts any.
        dtype: number format that all tensors must have.

    Raises:
        InputError: the file is missing, truncated, modified or of another kind, or has another digest.
    """
    try:
        if digest is not None:
            _require_digest(path, digest)
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such checkpoint.") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: expected a checkpoint, got no complete safetensors file ({error}).") from None
    if header.get("format") != kind:
        raise InputError(f"{path}: format: expected {kind!r}, got {header.get('format')!r}.")
    about = header.get("about", "")
    other_types = any(tensor.dtype != dtype for tensor in tensors.values())
    if other_types or header.get("content") != _content_digest(tensors, about):
        raise InputError(f"{path}: expected the content as it was written, got content that differs from its digest.")
    return tensors, about


def parsed(about: str) -> object:
    """Return the content of a text about tensors; None if it is not JSON."""
    try:
        return json.loads(about)
    except json.JSONDecodeError:
        return None


def file_digest(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _require_digest(path: Path, digest: str) -> None:
    found = file_digest(path)
    if found != digest:
        raise InputError(f"{path}: expected the file with sha256 {digest or '(none)'}, got {found}.")


def _reproducible(content: bytes) -> bytes:
    """Return the same safetensors file with a sorted header: safetensors shuffles the metadata from run to run."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]


def _content_digest(tensors: Mapping[str, Tensor], text: str) -> str:
    """Return the digest of the tensors and the text, as text: later versions of the code may know more options."""
    content = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        content.update(name.encode())
        content.update(tensors[name].contiguous().numpy().tobytes())
    return content.hexdigest()
