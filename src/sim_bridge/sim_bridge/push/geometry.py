"""Sizes of the push cell."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet_contract.robot import RobotContract


@dataclass(frozen=True)
class PushGeometry:
    """Metres, in robot_XX/base_link: origin in the middle of the workspace floor, x right and y up in the image.

    IIFL section 5.3 gives the square workspace, the small cube, the rectangular pusher and the square obstacle in the
    middle, but no sizes; these fit a tabletop arm. Cells of other sizes are the same in all proportions.
    """

    workspace_half_m: float = 0.2
    """From the origin to the inner face of a wall."""
    wall_m: float = 0.01
    """Thickness of a wall."""
    obstacle_half_m: float = 0.05
    """From the origin to a face of the obstacle."""
    rim_height_m: float = 0.015
    """Height of walls and obstacle: below the pusher's lower edge, so that the pusher passes above them."""
    cube_side_m: float = 0.035
    goal_radius_m: float = 0.035
    """The cube is in the goal region when its centre is this near to the goal's. One cube's side: a disc that the cube
    does not hide, and smaller than a full push, so that the cube must be steered into it."""
    placed_margin_m: float = 0.01
    """Least gap that a goal leaves between the cube in any yaw and the obstacle or a wall."""
    pusher_half_thickness_m: float = 0.004
    pusher_half_width_m: float = 0.025
    pusher_low_m: float = 0.016
    """Height of the pusher's lower edge while it pushes."""
    pusher_height_m: float = 0.04
    """From the pusher's lower edge to its upper edge."""
    view_half_m: float = 0.215
    """From the origin to the nearer edges of the overhead image, on the floor: walls included."""
    camera_height_m: float = 1.0
    """From the floor to the overhead camera."""

    @classmethod
    def of(cls, contract: RobotContract) -> PushGeometry:
        """Return the cell whose workspace is as wide as the range of the contract's first quantity, the cube's x."""
        plain = cls()
        scale = contract.observation.state.quantities[0].high / plain.workspace_half_m
        return cls(*(scale * size for size in astuple(plain))) if scale != 1.0 else plain

    @property
    def cube_half_diagonal_m(self) -> float:
        """Distance from the cube's centre to its vertical edges: its largest reach sideways at any yaw."""
        return float(self.cube_side_m / 2**0.5)

    @property
    def placed_nearest_m(self) -> float:
        """Least max(|x|, |y|) of a goal."""
        return self.obstacle_half_m + self.cube_half_diagonal_m + self.placed_margin_m

    @property
    def placed_farthest_m(self) -> float:
        """Greatest max(|x|, |y|) of a goal."""
        return self.workspace_half_m - self.cube_half_diagonal_m - self.placed_margin_m


PUSH_GEOMETRY = PushGeometry()
