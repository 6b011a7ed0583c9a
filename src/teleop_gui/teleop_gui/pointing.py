"""Turns the position of an operator's pointer in the picture into an action, and returns what is drawn to show it.

S state dim, A action dim, P points. Picture coordinates are shares of width and height from the upper left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_contract.operation import Plane, Region
from fleet_contract.robot import RobotContract
from teleop_gui.projection import Projection

CIRCLE_POINTS = 48
"""Number of points of the outline of a goal."""
DEAD_SHARE = 0.08
"""Dead zone of a joystick, as a share of the distance from its middle to its end."""


@dataclass(frozen=True)
class Aim:
    """The action that a position in the picture stands for."""

    values_A: NDArray[np.float64]
    """Action in the contract's units and range."""
    start: tuple[float, float]
    """Picture coordinates of the beginning of the motion."""
    end: tuple[float, float]
    """Picture coordinates of the end of the motion."""
    clipped: bool
    """Whether the motion ends before the pointer, at the limit of the workspace or of the action's range."""


@dataclass(frozen=True)
class Marks:
    """Outlines that are drawn over the picture, (P, 2) each."""

    workspace: NDArray[np.float64] | None = None
    obstacles: tuple[NDArray[np.float64], ...] = ()
    goal: NDArray[np.float64] | None = None


class Pointing(Protocol):
    """How robots of one kind are driven with a pointer."""

    @property
    def repeats(self) -> bool:
        """Whether an action is sent at every tick while the drive key is held, or once per click."""

    @property
    def hint(self) -> str:
        """Instruction for the operator."""

    def aim(self, pointer: tuple[float, float], state_S: NDArray[np.float64]) -> Aim | None:
        """Return the action that the pointer stands for; None beyond the horizon of the plane."""

    def marks(self, state_S: NDArray[np.float64]) -> Marks:
        """Return the outlines that are drawn over the video."""


class PlanePointing(Pointing):
    """A click is the end of a motion in a plane that the camera sees; it begins at the moved object."""

    repeats = False
    hint = "click where the push ends"

    def __init__(self, contract: RobotContract, plane: Plane) -> None:
        names = [quantity.name for quantity in contract.observation.state.quantities]
        self._start = [names.index(name) for name in plane.start]
        self._goal = [names.index(name) for name in plane.goal.centre] if plane.goal else None
        self._low_A, self._high_A = contract.action_low_A, contract.action_high_A
        self._projection = Projection(plane)
        self._plane = plane

    @override
    def aim(self, pointer: tuple[float, float], state_S: NDArray[np.float64]) -> Aim | None:
        """Return the motion to the pointer, clipped to the workspace and the action's range."""
        start_2 = state_S[self._start]
        pointed_2 = self._projection.to_metres(np.array([pointer]))[0]
        if not np.isfinite(pointed_2).all():
            return None
        inside_2 = np.clip(pointed_2, self._plane.workspace.low, self._plane.workspace.high)
        vector_2 = self._within_range(inside_2 - start_2)
        ends_P2 = self._projection.to_picture(np.array([start_2, start_2 + vector_2]))
        clipped = not np.allclose(start_2 + vector_2, pointed_2, rtol=0.0, atol=1e-6)
        return Aim(vector_2, _point(ends_P2[0]), _point(ends_P2[1]), clipped)

    @override
    def marks(self, state_S: NDArray[np.float64]) -> Marks:
        """Return the outlines of workspace, obstacles and goal."""
        plane, goal = self._plane, None
        if plane.goal and self._goal:
            around_P = np.linspace(0.0, 2 * np.pi, CIRCLE_POINTS, endpoint=False)
            circle_P2 = plane.goal.radius * np.stack([np.cos(around_P), np.sin(around_P)], axis=1)
            goal = self._projection.to_picture(state_S[self._goal] + circle_P2)
        return Marks(self._outline(plane.workspace), tuple(map(self._outline, plane.obstacles)), goal)

    def _outline(self, region: Region) -> NDArray[np.float64]:
        (left, near), (right, far) = region.low, region.high
        return self._projection.to_picture(np.array([(left, near), (right, near), (right, far), (left, far)]))

    def _within_range(self, vector_A: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the vector, scaled down until all components are within the action's range."""
        limits_A = np.where(vector_A > 0, self._high_A, self._low_A)
        moving_A = vector_A != 0
        share = min([1.0, *(limits_A[moving_A] / vector_A[moving_A])])
        # Clipped as well, because the product may exceed the range by a rounding error.
        return np.asarray(np.clip(vector_A * share, self._low_A, self._high_A))


class JoystickPointing(Pointing):
    """The picture is a joystick: up is the maximum of the first action value, left the maximum of the second."""

    repeats = True
    hint = "point up to drive forward, left or right to turn"

    def __init__(self, contract: RobotContract) -> None:
        self._low_A, self._high_A = contract.action_low_A, contract.action_high_A

    @override
    def aim(self, pointer: tuple[float, float], state_S: NDArray[np.float64]) -> Aim:
        """Return the action in proportion to the pointer's distance from the middle; zero near the middle."""
        forward_left_A = np.clip(1 - 2 * np.array([pointer[1], pointer[0]]), -1.0, 1.0)
        deflection_A = np.sign(forward_left_A) * np.maximum(np.abs(forward_left_A) - DEAD_SHARE, 0) / (1 - DEAD_SHARE)
        rest_A = np.clip(0.0, self._low_A, self._high_A)
        limits_A = np.where(deflection_A > 0, self._high_A, self._low_A)
        return Aim(rest_A + np.abs(deflection_A) * (limits_A - rest_A), (0.5, 0.5), pointer, clipped=False)

    @override
    def marks(self, state_S: NDArray[np.float64]) -> Marks:
        """Return no outlines."""
        return Marks()


def pointing_of(contract: RobotContract) -> Pointing:
    """Return how robots of this contract are driven with a pointer.

    Raises:
        InputError: the contract has no operation, so that no person can drive its robots.
    """
    plane = contract.require_operation().plane
    return PlanePointing(contract, plane) if plane else JoystickPointing(contract)


def _point(point_2: NDArray[np.float64]) -> tuple[float, float]:
    return float(point_2[0]), float(point_2[1])
