"""What is seen of one robot: its plane with what is on it, who drives, and how unsure the policy is.

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
from fleet_views.moment import RobotSnapshot
from fleet_views.shape import Form, Point, Shape

VECTORS = {"push_vector", "displacement"}
"""Meanings of actions that are a way in the plane."""
LINE_LETTERS = 30
"""Longer lines are broken."""
THICK, THIN = 0.05, 0.01
"""Heights of what the contract tells no height of, in units of the robot's extent."""
LETTER = 0.07


class Scene:
    """Robots of one contract. Lengths that it does not tell follow from the robots' extent."""

    def __init__(self, contract: RobotContract) -> None:
        names = [quantity.name for quantity in contract.observation.state.quantities]
        self._index = {name: index for index, name in enumerate(names)}
        self._plane = contract.operation.plane if contract.operation else None
        self._moves_in_plane = contract.action.meaning in VECTORS
        self._extent = contract.extent_m
        half = self._extent / 2
        self._region = self._plane.workspace if self._plane else Region(low=(-half, -half), high=(half, half))

    def draw(self, robot: str, moment: RobotSnapshot) -> list[Shape]:
        """All that is seen of a robot at a moment."""
        shapes = [self._floor(robot, moment), *self._words(robot, moment)]
        if self._plane:
            shapes += self._surroundings(robot, moment, self._plane)
            if moment.state_S is not None and not moment.unreachable:
                shapes += self._movables(robot, moment, self._plane, moment.state_S)
        if not isnan(moment.uncertainty) and not moment.unreachable:
            shapes += self._unsureness(robot, moment)
        return shapes

    def _floor(self, robot: str, moment: RobotSnapshot) -> Shape:
        """Under the plane: its colour says from afar who drives."""
        (x, y), (width, depth) = self._middle, self._size
        thick = THIN * self._extent
        colour = MUTED if moment.unreachable else DRIVER_COLOURS[moment.driver]
        return Shape(robot, "floor", 0, Form.BOX, (width, depth, thick), colour, (x, y, -thick / 2), opacity=0.4)

    def _words(self, robot: str, moment: RobotSnapshot) -> Iterator[Shape]:
        (_, near), (_, far) = self._region.low, self._region.high
        colour = MUTED if moment.unreachable else DRIVER_COLOURS[moment.driver]
        yield self._text(robot, "driver", f"{robot}\n{_broken(_who(moment))}", colour, far + 0.24 * self._extent)
        if help_ := _help(moment):
            yield self._text(robot, "help", _broken(help_), _outline_colour(moment), near - 0.3 * self._extent)

    def _surroundings(self, robot: str, moment: RobotSnapshot, plane: Plane) -> Iterator[Shape]:
        (left, near), (right, far) = plane.workspace.low, plane.workspace.high
        corners = tuple((x, y, 0.0) for x, y in ((left, near), (right, near), (right, far), (left, far), (left, near)))
        wide = self._extent * (0.03 if _help(moment) else 0.01)
        outline = _outline_colour(moment)
        yield Shape(robot, "workspace", 0, Form.LINE, (wide, 0.0, 0.0), outline, points=corners)
        for number, obstacle in enumerate(plane.obstacles):
            (x, y), (width, depth) = _middle(obstacle), _size(obstacle)
            high = THICK * self._extent
            yield Shape(robot, "obstacles", number, Form.BOX, (width, depth, high), VERMILION, (x, y, high / 2))

    def _movables(
        self, robot: str, moment: RobotSnapshot, plane: Plane, state_S: NDArray[np.float64]
    ) -> Iterator[Shape]:
        """What is on the plane, where it is observed, and where it is to be moved."""
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
        action = moment.action
        if action and action.kind is ActionKind.MOVE and self._moves_in_plane and any(action.values):
            dx, dy = action.values
            z, length = top + THICK * self._extent, float(np.hypot(dx, dy))
            size = (0.02 * self._extent, 0.05 * self._extent, min(0.06 * self._extent, length / 2))
            way = ((x, y, z), (x + dx, y + dy, z))
            yield Shape(robot, "action", 0, Form.ARROW, size, DRIVER_COLOURS[moment.driver], points=way)

    def _unsureness(self, robot: str, moment: RobotSnapshot) -> Iterator[Shape]:
        """A bar whose middle is the threshold, as operators see it, and the numbers."""
        uncertainty, threshold = moment.uncertainty, moment.threshold
        (left, near), (right, _) = self._region.low, self._region.high
        colour = uncertainty_colour(uncertainty, threshold)
        of = f" of {threshold:.2f}" if isfinite(threshold) else ""
        yield self._text(robot, "uncertainty", f"{uncertainty:.2f}{of} nats", colour, near - 0.17 * self._extent)
        if not isfinite(threshold) or threshold <= 0:
            return
        y, high, thick = near - 0.07 * self._extent, 0.04 * self._extent, THIN * self._extent
        filled = min(max(uncertainty / threshold / 2, 0.0), 1.0) * (right - left)
        if filled > 0:
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


def _who(moment: RobotSnapshot) -> str:
    """Who drives, in words."""
    if moment.unreachable:
        return f"unreachable: {moment.unreachable}"
    if moment.driver is Driver.RESET:
        return f"{moment.supervisor}: hard reset"
    if moment.driver is Driver.HUMAN:
        return moment.supervisor if moment.action else f"{moment.supervisor} decides"
    done = moment.action or moment.last
    if moment.driver is Driver.POLICY:
        return f"policy version {done.policy_version}" if done else "policy"
    return f"nobody: {done.reason}" if done and done.reason else "nobody"


def _help(moment: RobotSnapshot) -> str:
    """What the robot needs of a human, in words; nothing while one is there."""
    if moment.lease or moment.unreachable:
        return ""
    needs = "needs a hard reset" if moment.violated else ""
    waits = "waits for a human" if moment.waiting else ""
    return ", ".join(filter(None, (needs, waits)))


def _outline_colour(moment: RobotSnapshot) -> Colour:
    if moment.unreachable:
        return MUTED
    if moment.violated:
        return YELLOW
    return ORANGE if moment.waiting else TEXT


def _broken(text: str) -> str:
    return "\n".join(textwrap.wrap(text, LINE_LETTERS))
