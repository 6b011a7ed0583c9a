"""A training that was cut, as a file that it goes on from."""

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
    """What identifies a training: the same parts give the same key."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@dataclass(frozen=True)
class ResumeFile:
    """One training's tensors at `path`, written whole or not at all."""

    path: Path
    key: str

    def write(self, tensors: Mapping[str, Tensor]) -> None:
        """Write everything that the training goes on from."""
        partial = self.path.with_name(self.path.name + ".partial")
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, partial, {"key": self.key})
        partial.replace(self.path)

    def read(self) -> dict[str, Tensor]:
        """What was written; nothing, if there is no file.

        Raises:
            BadInput: the file is of another training, or none.
        """
        if not self.path.exists():
            return {}
        try:
            with safe_open(self.path, framework="pt") as file:
                key = (file.metadata() or {}).get("key")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
        except (SafetensorError, OSError) as error:
            raise InputError(f"{self.path}: found no training ({error}), allowed is the one that was cut.") from None
        if key != self.key:
            raise InputError(f"{self.path}: found another training, allowed is the one that was cut, or no file.")
        return tensors

    def remove(self) -> None:
        """The training is done."""
        self.path.unlink(missing_ok=True)
