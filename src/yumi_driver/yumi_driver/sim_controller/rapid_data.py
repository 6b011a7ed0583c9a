"""The persistent variables of the RAPID program, by task and name."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from yumi_driver.sim_controller.rapid_value import NotAValue, RapidValue
from yumi_driver.sim_controller.refusal import Refusal, ReturnCode, invalid


class RapidData:
    """Persistent variables; their data types are those of their initial values."""

    def __init__(self, declared: Mapping[str, str]) -> None:
        """Create variables with initial values by path, such as `T_ROB_L/push_speed`; RAPID ignores the case of names.

        Raises:
            NotAValue: an initial value is no RAPID value.
        """
        self._values = {path.casefold(): RapidValue.of_text(text) for path, text in declared.items()}

    def __getitem__(self, path: str) -> str:
        """Return the value as text.

        Raises:
            Refusal: there is no such variable.
        """
        return str(self._value(path))

    def __setitem__(self, path: str, text: str) -> None:
        """Assign the value that the text represents.

        Raises:
            Refusal: there is no such variable, or the value has another data type.
        """
        current = self._value(path)
        try:
            value = RapidValue.of_text(text)
        except NotAValue as error:
            raise invalid(str(error)) from error
        if not value.is_like(current):
            raise invalid(f"{text} is not of the data type of {path}")
        self._values[path.casefold()] = value

    def _value(self, path: str) -> RapidValue:
        try:
            return self._values[path.casefold()]
        except KeyError:
            raise Refusal(HTTPStatus.BAD_REQUEST, ReturnCode.FAILED, f"symbol {path} not found") from None
