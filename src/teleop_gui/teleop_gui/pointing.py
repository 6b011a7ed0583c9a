"""From where an operator points to in the picture to the robot's action, and what is drawn to show it.

S state dim, A action dim, P points. Points of the picture are shares of its width and height from the upper left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet_contract.operation import Plane, Region
from fleet_contract.robot import RobotContract
from teleop_gui.projection import Projection

CIRCLE_POINTS = 48
DEAD_SHARE = 0.08
"""Of a joystick's way from its middle to its end, in which nothing moves."""


@dataclass(frozen=True)
class Aim:
    """An action that a place in the picture stands for."""

    values_A: NDArray[np.float64]
    """In the contract's units and range."""
    start: tuple[float, float]
    """In the picture: where the motion begins,"""
    end: tuple[float, float]
    """and where it ends."""
    shortened: bool
    """It ends nearer than was pointed to: at the workspace's limit, or as far as one action goes."""


@dataclass(frozen=True)
class Marks:
    """What is drawn over the picture, (P, 2) each."""

    workspace: NDArray[np.float64] | None = None
    obstacles: tuple[NDArray[np.float64], ...] = ()
    goal: NDArray[np.float64] | None = None


class Pointing(Protocol):
    """How one kind of robot is pointed."""

    @property
    def repeats(self) -> bool:
        """Whether an action is taken again at every tick while the operator points there, or once per click."""

    @property
    def hint(self) -> str:
        """What the operator is to do."""

    def aim(self, pointer: tuple[float, float], state_S: NDArray[np.float64]) -> Aim | None:
        """The action that the pointer stands for; None where it points to nothing."""

    def marks(self, state_S: NDArray[np.float64]) -> Marks:
        """What there is to see besides the video."""


class PlanePointing:
    """A click is the end of a motion in a plane that the camera sees, from what is moved."""

    repeats = False
    hint = "click where the push ends"

    def __init__(self, contract: RobotContract, plane: Plane) -> None:
        names = [quantity.name for quantity in contract.observation.state.quantities]
        self._start = [names.index(name) for name in plane.start]
        self._goal = [names.index(name) for name in plane.goal.centre] if plane.goal else None
        self._low_A, self._high_A = contract.action_low_A, contract.action_high_A
        self._projection = Projection(plane)
        self._plane = plane

    def aim(self, pointer: tuple[float, float], state_S: NDArray[np.float64]) -> Aim | None:
        """The motion to the pointer, or as far towards it as workspace and action range allow."""
        start_2 = state_S[self._start]
        wanted_2 = self._projection.to_metres(np.array([pointer]))[0]
        if not np.isfinite(wanted_2).all():
            return None
        inside_2 = np.clip(wanted_2, self._plane.workspace.low, self._plane.workspace.high)
        vector_2 = self._within_range(inside_2 - start_2)
        ends_P2 = self._projection.to_picture(np.array([start_2, start_2 + vector_2]))
        shortened = not np.allclose(start_2 + vector_2, wanted_2, rtol=0.0, atol=1e-6)
        return Aim(vector_2, _point(ends_P2[0]), _point(ends_P2[1]), shortened)

    def marks(self, state_S: NDArray[np.float64]) -> Marks:
        """Workspace, obstacles and goal."""
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
        """The vector in its direction, no component out of the action's range."""
        limits_A = np.where(vector_A > 0, self._high_A, self._low_A)
        moving_A = vector_A != 0
        share = min([1.0, *(limits_A[moving_A] / vector_A[moving_A])])
        # Clipped too, because the product may be a rounding error beyond the range.
        return np.asarray(np.clip(vector_A * share, self._low_A, self._high_A))


class JoystickPointing:
    """The picture is a joystick: up is the most of the first action value, left the most of the second."""

    repeats = True
    hint = "point up to go ahead, left or right to turn"

    def __init__(self, contract: RobotContract) -> None:
        self._low_A, self._high_A = contract.action_low_A, contract.action_high_A

    def aim(self, pointer: tuple[float, float], state_S: NDArray[np.float64]) -> Aim:  # noqa: ARG002
        """The action in proportion to the pointer's place about the middle; zero near the middle."""
        ahead_left_A = np.clip(1 - 2 * np.array([pointer[1], pointer[0]]), -1.0, 1.0)
        pushed_A = np.sign(ahead_left_A) * np.maximum(np.abs(ahead_left_A) - DEAD_SHARE, 0) / (1 - DEAD_SHARE)
        rest_A = np.clip(0.0, self._low_A, self._high_A)
        limits_A = np.where(pushed_A > 0, self._high_A, self._low_A)
        return Aim(rest_A + np.abs(pushed_A) * (limits_A - rest_A), (0.5, 0.5), pointer, shortened=False)

    def marks(self, state_S: NDArray[np.float64]) -> Marks:  # noqa: ARG002
        """Nothing."""
        return Marks()


def pointing_of(contract: RobotContract) -> Pointing:
    """How robots of this contract are pointed.

    Raises:
        BadInput: no person can drive them.
    """
    plane = contract.require_operation().plane
    return PlanePointing(contract, plane) if plane else JoystickPointing(contract)


def _point(point_2: NDArray[np.float64]) -> tuple[float, float]:
    return float(point_2[0]), float(point_2[1])
