"""The quantities that a task requires of a robot's contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet_contract.validation import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleet_contract.quantity import Quantity
    from fleet_contract.robot import RobotContract


@dataclass(frozen=True)
class TaskContract:
    """The quantities that robots observe and are moved by at a task."""

    observed: tuple[Quantity, ...]
    """Observed quantities in their order; the contract's ranges must contain theirs."""
    moved_by: Mapping[str, str]
    """Units of the action's quantities by name, in their order; the contract's ranges are not restricted."""
    meaning: str
    """Meaning of the action."""

    def require(self, contract: RobotContract) -> None:
        """Refuse a contract with other quantities than the task's.

        Raises:
            InputError: names, units, ranges of the observation, or the meaning of the action differ.
        """
        stream, action = contract.observation.state, contract.action
        where = f"robot {contract.robot}"
        observed_names = [quantity.name for quantity in self.observed]
        _require_names(f"{where}: observation.state", stream.quantities, observed_names)
        _require_names(f"{where}: action", action.quantities, self.moved_by)
        if action.meaning != self.meaning:
            raise InputError(f"{where}: action.meaning: expected {self.meaning}, got {action.meaning}.")
        for quantity, required in zip(stream.quantities, self.observed, strict=True):
            _require_unit(where, quantity, required.unit)
            if quantity.low > required.low or quantity.high < required.high:
                raise InputError(
                    f"{where}: {quantity.name}: expected a range that contains {required.low} to {required.high}, "
                    f"got {quantity.low} to {quantity.high}."
                )
        for quantity in action.quantities:
            _require_unit(where, quantity, self.moved_by[quantity.name])


def _require_names(where: str, quantities: Iterable[Quantity], required: Iterable[str]) -> None:
    names = [quantity.name for quantity in quantities]
    if names != list(required):
        raise InputError(f"{where}.quantities: expected exactly {', '.join(required)}, got {', '.join(names)}.")


def _require_unit(where: str, quantity: Quantity, unit: str) -> None:
    if quantity.unit != unit:
        raise InputError(f"{where}: {quantity.name}: expected unit {unit!r}, got {quantity.unit!r}.")
