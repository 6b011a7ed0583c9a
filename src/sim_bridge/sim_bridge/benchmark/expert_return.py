"""What the experts reach in these simulations, from which successes are told. T ticks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from fleet_contract.validation import StrictModel, read_yaml

EVERY = 50
"""Control steps between two returns that are kept."""
FOLDER = Path(__file__).parent / "expert_returns"


class ExpertReturn(StrictModel):
    """The expert's mean return, measured by the command."""

    command: str
    episodes: int
    seed: int
    violated: float
    """Share of the episodes that ended in violation; they count, with what they had until then."""
    completed: float
    """Share of the episodes in which the task was done, of tasks that can be."""
    mean_returns_T: Annotated[list[float], Field(min_length=1)]
    """After `EVERY` control steps, and twice as many, and so on until the horizon."""

    def after(self, ticks: int) -> float:
        """The mean return after so many control steps, a multiple of `EVERY`."""
        return self.mean_returns_T[ticks // EVERY - 1]

    def write(self, task: str, folder: Path = FOLDER) -> None:
        """Keep it."""
        (folder / f"{task}.json").write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_expert_return(task: str) -> ExpertReturn:
    """That of a task."""
    return read_yaml(FOLDER / f"{task}.json", ExpertReturn)
