"""Draws one robot: its plane and the objects on it, who drives, and the uncertainty of the policy.

S state dim.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from math import atan2, isfinite, isnan

import numpy as np
from numpy.typing import NDArray

from fleet_common.palette import (
    DRIVER_COLOURS,
    GREEN,
    MUTED,
    ORANGE,
    TEXT,
    VERMILION,
    YELLOW,
    Colour,
    uncertainty_colour,
)
from fleet_contract.action import ActionKind
from fleet_contract.driving import Driver
from fleet_contract.operation import Plane, Region
from fleet_contract.robot import RobotContract
from fleet_contract.signal import with_unit
from fleet_views.robot_snapshot import RobotSnapshot
from fleet_views.shape import Form, Point, Shape

VECTORS = {"push_vector", "displacement"}
"""Meanings of actions that are displacements in the plane."""
LINE_LETTERS = 30
"""Number of letters after which a line is wrapped."""
THICK, THIN = 0.05, 0.01
"""Heights of objects whose height the contract does not state, in units of the robot's extent."""
LEAST_BAR = 1e-3
"""Share of its full length that the uncertainty bar has at least."""
LETTER = 0.07
"""Height of a letter, in units of the robot's extent."""


class Scene:
    """Draws robots of one contract. Lengths that the contract does not state are in proportion to the robots' extent."""

    def __init__(self, contract: RobotContract) -> None:
        names = [quantity.name for quantity in contract.observation.state.quantities]
        self._index = {name: index for index, name in enumerate(names)}
        self._plane = contract.operation.plane if contract.operation else None
        self._moves_in_plane = contract.action.meaning in VECTORS
        self._extent = contract.extent_m
        half = self._extent / 2
        self._region = self._plane.workspace if self._plane else Region(low=(-half, -half), high=(half, half))

    def draw(self, robot: str, snapshot: RobotSnapshot) -> list[Shape]:
        """Return the shapes of one robot."""
        shapes = [self._floor(robot, snapshot), *self._labels(robot, snapshot)]
        if self._plane:
            shapes += self._surroundings(robot, snapshot, self._plane)
            if snapshot.state_S is not None and not snapshot.unreachable:
                shapes += self._movables(robot, snapshot, self._plane, snapshot.state_S)
        if not isnan(snapshot.uncertainty) and not snapshot.unreachable:
            shapes += self._uncertainty_bar(robot, snapshot)
        return shapes

    def _floor(self, robot: str, snapshot: RobotSnapshot) -> Shape:
        """Return the plate under the plane: its colour shows who drives."""
        (x, y), (width, depth) = self._middle, self._size
        thick = THIN * self._extent
        colour = MUTED if snapshot.unreachable else DRIVER_COLOURS[snapshot.driver]
        return Shape(robot, "floor", 0, Form.BOX, (width, depth, thick), colour, (x, y, -thick / 2), opacity=0.4)

    def _labels(self, robot: str, snapshot: RobotSnapshot) -> Iterator[Shape]:
        (_, near), (_, far) = self._region.low, self._region.high
        colour = MUTED if snapshot.unreachable else DRIVER_COLOURS[snapshot.driver]
        yield self._text(
            robot, "driver", f"{robot}\n{_wrapped(_driver_text(snapshot))}", colour, far + 0.24 * self._extent
        )
        if help_text := _help_text(snapshot):
            yield self._text(robot, "help", _wrapped(help_text), _outline_colour(snapshot), near - 0.3 * self._extent)

    def _surroundings(self, robot: str, snapshot: RobotSnapshot, plane: Plane) -> Iterator[Shape]:
        (left, near), (right, far) = plane.workspace.low, plane.workspace.high
        corners = tuple((x, y, 0.0) for x, y in ((left, near), (right, near), (right, far), (left, far), (left, near)))
        wide = self._extent * (0.03 if _help_text(snapshot) else 0.01)
        outline = _outline_colour(snapshot)
        yield Shape(robot, "workspace", 0, Form.LINE, (wide, 0.0, 0.0), outline, points=corners)
        for number, obstacle in enumerate(plane.obstacles):
            (x, y), (width, depth) = _middle(obstacle), _size(obstacle)
            high = THICK * self._extent
            yield Shape(robot, "obstacles", number, Form.BOX, (width, depth, high), VERMILION, (x, y, high / 2))

    def _movables(
        self, robot: str, snapshot: RobotSnapshot, plane: Plane, state_S: NDArray[np.float64]
    ) -> Iterator[Shape]:
        """Yield goal, body and planned motion at the observed positions."""
        if plane.goal:
            x, y = self._observed(plane.goal.centre, state_S)
            across, high = 2 * plane.goal.radius, THIN * self._extent
            yield Shape(robot, "goal", 0, Form.DISC, (across, across, high), GREEN, (x, y, high / 2), opacity=0.7)
        x, y = self._observed(plane.start, state_S)
        if plane.body:
            cosine, sine = self._observed(plane.body.yaw, state_S)
            yaw, top = atan2(sine, cosine) / plane.body.folds, plane.body.size[2]
            yield Shape(robot, "body", 0, Form.BOX, plane.body.size, TEXT, (x, y, top / 2), yaw)
        else:
            across, top = 0.05 * self._extent, THIN * self._extent
            yield Shape(robot, "body", 0, Form.DISC, (across, across, top), TEXT, (x, y, top / 2))
        action = snapshot.action
        if action and action.kind is ActionKind.MOVE and self._moves_in_plane and any(action.values):
            dx, dy = action.values
            z, length = top + THICK * self._extent, float(np.hypot(dx, dy))
            size = (0.02 * self._extent, 0.05 * self._extent, min(0.06 * self._extent, length / 2))
            ends = ((x, y, z), (x + dx, y + dy, z))
            yield Shape(robot, "action", 0, Form.ARROW, size, DRIVER_COLOURS[snapshot.driver], points=ends)

    def _uncertainty_bar(self, robot: str, snapshot: RobotSnapshot) -> Iterator[Shape]:
        """Yield the numbers and a bar whose middle is the threshold, as on the operators' screens."""
        uncertainty, threshold = snapshot.uncertainty, snapshot.threshold
        (left, near), (right, _) = self._region.low, self._region.high
        colour = uncertainty_colour(uncertainty, threshold)
        limit = f" (threshold {threshold:.2f})" if isfinite(threshold) else ""
        yield self._text(
            robot,
            "uncertainty",
            f"{with_unit(f'{uncertainty:.2f}', snapshot.unit)}{limit}",
            colour,
            near - 0.17 * self._extent,
        )
        if not isfinite(threshold) or threshold <= 0:
            return
        y, high, thick = near - 0.07 * self._extent, 0.04 * self._extent, THIN * self._extent
        if uncertainty > 0:
            # The quotient of a tiny uncertainty and the threshold may be zero, and viewers reject boxes of no width.
            share = min(max(uncertainty / threshold / 2, LEAST_BAR), 1.0)
            filled = share * (right - left)
            place = (left + filled / 2, y, 0.0)
            yield Shape(robot, "uncertainty", 1, Form.BOX, (filled, high, thick), colour, place)
        yield Shape(robot, "uncertainty", 2, Form.BOX, (thick, 2 * high, 2 * thick), TEXT, ((left + right) / 2, y, 0.0))

    def _text(self, robot: str, layer: str, text: str, colour: Colour, y: float) -> Shape:
        position: Point = (self._middle[0], y, 0.0)
        return Shape(robot, layer, 0, Form.TEXT, (0.0, 0.0, LETTER * self._extent), colour, position, text=text)

    def _observed(self, quantities: tuple[str, str], state_S: NDArray[np.float64]) -> tuple[float, float]:
        one, other = (float(state_S[self._index[name]]) for name in quantities)
        return one, other

    @property
    def _middle(self) -> tuple[float, float]:
        return _middle(self._region)

    @property
    def _size(self) -> tuple[float, float]:
        return _size(self._region)


def _middle(region: Region) -> tuple[float, float]:
    return (region.low[0] + region.high[0]) / 2, (region.low[1] + region.high[1]) / 2


def _size(region: Region) -> tuple[float, float]:
    return region.high[0] - region.low[0], region.high[1] - region.low[1]


def _driver_text(snapshot: RobotSnapshot) -> str:
    """Return who drives, as text."""
    if snapshot.unreachable:
        return f"unreachable: {snapshot.unreachable}"
    if snapshot.driver is Driver.RESET:
        return f"{snapshot.supervisor}: hard reset"
    if snapshot.driver is Driver.HUMAN:
        return snapshot.supervisor if snapshot.action else f"{snapshot.supervisor} is deciding"
    newest = snapshot.action or snapshot.last
    if snapshot.driver is Driver.POLICY:
        return f"policy version {newest.policy_version}" if newest else "policy"
    return f"nobody: {newest.reason}" if newest and newest.reason else "nobody"


def _help_text(snapshot: RobotSnapshot) -> str:
    """Return what the robot needs from a human, as text; empty while a human has the robot."""
    if snapshot.lease or snapshot.unreachable:
        return ""
    needs = "needs a hard reset" if snapshot.violated else ""
    waits = "waiting for a human" if snapshot.waiting else ""
    return ", ".join(filter(None, (needs, waits)))


def _outline_colour(snapshot: RobotSnapshot) -> Colour:
    if snapshot.unreachable:
        return MUTED
    if snapshot.violated:
        return YELLOW
    return ORANGE if snapshot.waiting else TEXT


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, LINE_LETTERS))
