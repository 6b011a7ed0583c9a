"""The motion system over Robot Web Services: `/rw/motionsystem`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import numpy as np

from yumi_driver.sim_controller.arm import Arm
from yumi_driver.sim_controller.rapid_value import format_num
from yumi_driver.sim_controller.refusal import Refusal, ReturnCode, invalid
from yumi_driver.sim_controller.resource import Request, Route, State, state

_UNUSED = format_num(9e9)
_UNIT = "/rw/motionsystem/mechunits/{unit}"


class MotionResources:
    """Reads joint targets and robtargets of the mechanical units."""

    def __init__(self, arms: Mapping[str, Arm]) -> None:
        self._arms = arms

    def routes(self) -> list[Route]:
        """Return the routes of the mechanical units."""
        return [
            Route("GET", f"{_UNIT}/jointtarget", self._jointtarget),
            Route("GET", f"{_UNIT}/robtarget", self._robtarget),
        ]

    def _jointtarget(self, request: Request) -> list[State]:
        arm = self._arm(request)
        fields = {f"rax_{axis}": format_num(arm.joints_deg_7[axis - 1]) for axis in range(1, 7)}
        external = {f"eax_{axis}": _UNUSED for axis in "abcdef"} | {"eax_a": format_num(arm.joints_deg_7[6])}
        return [state("ms-jointtarget", arm.name, **fields, **external)]

    def _robtarget(self, request: Request) -> list[State]:
        arm = self._arm(request)
        for name, default, code in (
            ("tool", "tool0", ReturnCode.UNKNOWN_TOOL),
            ("wobj", "wobj0", ReturnCode.UNKNOWN_WORK_OBJECT),
        ):
            if request.query.get(name, default) != default:
                raise Refusal(HTTPStatus.BAD_REQUEST, code, f"{name} {request.query[name]} is unknown")
        match request.query.get("coordinate", "Base"):
            case "Base":
                pose = arm.base.inverse() @ arm.tip
            case "World" | "Wobj":
                pose = arm.tip
            case other:
                raise invalid(f"coordinate {other} is not simulated")
        quarters_7 = np.floor(arm.joints_deg_7 / 90.0)
        # The arm angle, which YuMi reports as the first external axis, and cfx are not simulated.
        return [
            state(
                "ms-robtargets",
                arm.name,
                **dict(zip("xyz", map(format_num, pose.position_mm_3), strict=True)),
                **{f"q{i}": format_num(part) for i, part in enumerate(pose.quaternion_4, 1)},
                **{f"cf{axis}": format_num(quarters_7[axis - 1]) for axis in (1, 4, 6)},
                cfx="0",
                **{f"eax{axis}": _UNUSED for axis in "abcdef"},
            )
        ]

    def _arm(self, request: Request) -> Arm:
        try:
            return self._arms[request.path["unit"]]
        except KeyError:
            reason = f"mechanical unit {request.path['unit']} not found"
            raise Refusal(HTTPStatus.NOT_FOUND, ReturnCode.UNKNOWN_MECHANICAL_UNIT, reason) from None
