"""What a task asks of the contract of the robots that are to do it."""

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
    """The numbers that robots at a task observe and are moved by."""

    observed: tuple[Quantity, ...]
    """In this order and these units; the robot's ranges hold these."""
    moved_by: Mapping[str, str]
    """Units by name, in this order; their ranges are the robot's own affair."""
    meaning: str
    """Of the action."""

    def require(self, contract: RobotContract) -> None:
        """Refuse a contract whose numbers are not those of the task.

        Raises:
            BadInput: names, units, ranges of the observation, or the meaning of the action differ.
        """
        stream, action = contract.observation.state, contract.action
        where = f"robot {contract.robot}"
        allowed_state = [quantity.name for quantity in self.observed]
        _require_names(f"{where}: observation.state", stream.quantities, allowed_state)
        _require_names(f"{where}: action", action.quantities, self.moved_by)
        if action.meaning != self.meaning:
            raise InputError(f"{where}: action.meaning: found {action.meaning}, allowed is {self.meaning}.")
        for quantity, asked in zip(stream.quantities, self.observed, strict=True):
            _require_unit(where, quantity, asked.unit)
            if quantity.low > asked.low or quantity.high < asked.high:
                raise InputError(
                    f"{where}: {quantity.name}: found range {quantity.low} to {quantity.high}, "
                    f"allowed is one that holds {asked.low} to {asked.high}."
                )
        for quantity in action.quantities:
            _require_unit(where, quantity, self.moved_by[quantity.name])


def _require_names(where: str, found: Iterable[Quantity], allowed: Iterable[str]) -> None:
    names = [quantity.name for quantity in found]
    if names != list(allowed):
        raise InputError(f"{where}.quantities: found {', '.join(names)}, allowed is exactly {', '.join(allowed)}.")


def _require_unit(where: str, quantity: Quantity, unit: str) -> None:
    if quantity.unit != unit:
        raise InputError(f"{where}: {quantity.name}: found unit {quantity.unit!r}, allowed is {unit!r}.")
