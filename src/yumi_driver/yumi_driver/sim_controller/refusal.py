"""Refusals of requests: an HTTP status and one of RobotWare's return codes."""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus


class ReturnCode(IntEnum):
    """RobotWare's return codes in the simulated controller's answers."""

    FAILED = -1073414146
    REJECTED = -1073445881
    INVALID_ARGUMENT = -1073445879
    UNRESOLVED_URL = -1073445866
    EXECUTION_STATE = -1073442809
    UNKNOWN_TOOL = -1073436672
    UNKNOWN_WORK_OBJECT = -1073436671
    UNKNOWN_MECHANICAL_UNIT = -1073436668


class Refusal(Exception):
    """The controller refuses a request; nothing has changed."""

    def __init__(self, status: HTTPStatus, code: ReturnCode, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


def rejected(reason: str) -> Refusal:
    """Return the refusal of a request that the safety chain or the operation mode forbids."""
    return Refusal(HTTPStatus.FORBIDDEN, ReturnCode.REJECTED, reason)


def invalid(reason: str) -> Refusal:
    """Return the refusal of invalid arguments."""
    return Refusal(HTTPStatus.BAD_REQUEST, ReturnCode.INVALID_ARGUMENT, reason)
