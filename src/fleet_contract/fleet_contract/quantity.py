"""A quantity: one number of an observation or action, with its name, unit and range."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from fleet_contract.validation import StrictModel

Name = Field(pattern=r"^[a-z][a-z0-9_]*$")
"""Field of a name: lower-case letters, digits and underscores, starting with a letter."""
NameOrClass = Field(pattern=r"^([a-z][a-z0-9_]*|\w+(\.\w+)*:\w+)$")
"""Field of a name, or of a class that no package has registered: `module:Class`."""


class Quantity(StrictModel):
    """One number of an observation or action."""

    name: str = Name
    """Name of the quantity, unique in its observation or action."""
    unit: str
    """SI symbol, or 1 for a dimensionless number."""
    low: float
    """Smallest value, in `unit`."""
    high: float
    """Largest value, in `unit`."""
    meaning: str = ""
    """Description for people. Policies do not depend on it."""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low: expected less than high ({self.high}), got {self.low}")
        return self
