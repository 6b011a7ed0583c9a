"""The experts' returns in these simulations, which define success. T returns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from fleet_contract.validation import StrictModel, read_yaml

EVERY = 50
"""Control steps between two returns in the files."""
FOLDER = Path(__file__).parent / "expert_returns"
"""Folder of the files, one per task."""


class ExpertReturn(StrictModel):
    """The expert's mean return, and the command that measured it."""

    command: str
    episodes: int
    seed: int
    violated: float
    """Share of the episodes that ended in violation; they count with their return until then."""
    completed: float
    """Share of the episodes in which the task was completed."""
    mean_returns_T: Annotated[list[float], Field(min_length=1)]
    """Mean returns after every `EVERY` control steps until the horizon."""

    def after(self, ticks: int) -> float:
        """Return the mean return after `ticks` control steps, a multiple of `EVERY`."""
        return self.mean_returns_T[ticks // EVERY - 1]

    def write(self, task: str, folder: Path = FOLDER) -> None:
        """Write the file of a task."""
        (folder / f"{task}.json").write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_expert_return(task: str) -> ExpertReturn:
    """Read the file of a task."""
    return read_yaml(FOLDER / f"{task}.json", ExpertReturn)
