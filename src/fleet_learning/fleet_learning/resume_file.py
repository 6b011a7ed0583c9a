"""The file from which an interrupted training resumes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fleet_contract.validation import InputError


def resume_key(*parts: object) -> str:
    """Return what identifies a training: equal parts give equal keys."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@dataclass(frozen=True)
class ResumeFile:
    """One training's tensors at `path`, written whole or not at all."""

    path: Path
    key: str
    """The training's `resume_key`."""

    def write(self, tensors: Mapping[str, Tensor]) -> None:
        """Replace the file with everything that the training resumes from."""
        partial = self.path.with_name(self.path.name + ".partial")
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, partial, {"key": self.key})
        partial.replace(self.path)

    def read(self) -> dict[str, Tensor]:
        """Return the tensors that were written, or an empty mapping if there is no file.

        Raises:
            InputError: the file cannot be read, or belongs to another training.
        """
        if not self.path.exists():
            return {}
        try:
            with safe_open(self.path, framework="pt") as file:
                key = (file.metadata() or {}).get("key")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
        except (SafetensorError, OSError) as error:
            raise InputError(f"{self.path}: expected the interrupted training, got no training ({error}).") from None
        if key != self.key:
            raise InputError(f"{self.path}: expected the interrupted training or no file, got another training.")
        return tensors

    def remove(self) -> None:
        """Remove the file once the training is complete."""
        self.path.unlink(missing_ok=True)
