"""Checks the conversion from picture coordinates to actions, and back.

P points.
"""

from __future__ import annotations

import numpy as np
import pytest
from cell import CELL, STATE, shown
from hypothesis import assume, given
from hypothesis import strategies as st

from fleet_contract.operation import Operation, Plane, Region
from fleet_contract.quantity import Quantity
from fleet_contract.validation import InputError
from teleop_gui.pointing import DEAD_SHARE, JoystickPointing, PlanePointing, pointing_of
from teleop_gui.projection import Projection

SHARE = st.floats(0, 1)
METRES = st.floats(-0.2, 0.2)


def test_the_corners_in_the_contract_match_the_simulated_camera():
    """The contract states where the workspace is in the picture; the simulated camera is a pinhole straight above."""
    from sim_bridge.push.geometry import PUSH_GEOMETRY
    from sim_bridge.push.view import camera_matrix

    plane, video = CELL.operation.plane, CELL.operation.video
    k = camera_matrix(video.width, video.height)
    corners = [(-0.2, -0.2), (0.2, -0.2), (0.2, 0.2), (-0.2, 0.2)]
    for (x, y), (across, down) in zip(corners, plane.corners, strict=True):
        column, row, depth = k @ [x, -y, PUSH_GEOMETRY.camera_height_m]
        assert across == pytest.approx((column / depth + 0.5) / video.width, abs=2e-3)
        assert down == pytest.approx((row / depth + 0.5) / video.height, abs=2e-3)
    half = PUSH_GEOMETRY.obstacle_half_m
    assert plane.obstacles == (Region(low=(-half, -half), high=(half, half)),)
    assert plane.workspace.high == (PUSH_GEOMETRY.workspace_half_m,) * 2
    assert plane.goal.radius == PUSH_GEOMETRY.goal_radius_m


@given(st.lists(st.tuples(METRES, METRES), min_size=1, max_size=5))
def test_projection_is_inverted(points):
    projection = Projection(CELL.operation.plane)
    points_P2 = np.array(points)
    seen_P2 = projection.to_picture(points_P2)
    np.testing.assert_allclose(seen_P2, [shown(*point) for point in points], atol=1e-6)
    np.testing.assert_allclose(projection.to_metres(seen_P2), points_P2, atol=1e-6)


def test_a_tilted_camera_is_projected_correctly():
    """The reference is a pinhole camera of known rotation and position."""
    tilt = 0.5
    rotation = np.array([[1, 0, 0], [0, -np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), -np.cos(tilt)]])
    place = np.array([0.05, -0.4, 0.8])

    def seen(x, y):
        column, row, depth = np.diag([1.1, 1.1, 1.0]) @ rotation @ (np.array([x, y, 0.0]) - place)
        return 0.5 + column / depth, 0.5 + row / depth

    corners = tuple(seen(x, y) for x, y in ((-0.2, -0.2), (0.2, -0.2), (0.2, 0.2), (-0.2, 0.2)))
    plane = Plane(workspace=Region(low=(-0.2, -0.2), high=(0.2, 0.2)), corners=corners, start=("cube_x", "cube_y"))
    points_P2 = np.random.default_rng(0).uniform(-0.2, 0.2, (20, 2))
    np.testing.assert_allclose(
        Projection(plane).to_picture(points_P2), [seen(*point) for point in points_P2], atol=1e-6
    )


@given(SHARE, SHARE)
def test_a_push_moves_towards_the_click_within_its_limits(x, y):
    aim = pointing_of(CELL).aim((x, y), STATE)
    wanted_2 = np.clip([(x - 0.5) / 0.93 * 0.4, (0.5 - y) / 0.93 * 0.4], -0.2, 0.2) - STATE[:2]
    assert (np.abs(aim.values_A) <= 0.05).all()
    assert np.cross([*aim.values_A, 0], [*wanted_2, 0])[2] == pytest.approx(0, abs=1e-7), "clipping keeps the direction"
    assert aim.values_A @ wanted_2 >= 0
    assert aim.start == pytest.approx(shown(*STATE[:2]), abs=1e-6)
    assert aim.end == pytest.approx(shown(*(STATE[:2] + aim.values_A)), abs=1e-6)
    reached = np.abs(wanted_2).max() <= 0.05
    inside = abs(x - 0.5) <= 0.465 and abs(y - 0.5) <= 0.465
    assume(abs(np.abs(wanted_2).max() - 0.05) > 1e-5)
    assume(min(abs(abs(x - 0.5) - 0.465), abs(abs(y - 0.5) - 0.465)) > 1e-4)
    assert aim.clipped == (not (reached and inside))
    if reached:
        np.testing.assert_allclose(aim.values_A, wanted_2, atol=1e-6)


def test_a_click_beyond_the_horizon_has_no_action():
    """A camera near the floor sees a horizon; points above it are not on the plane."""
    corners = ((0.0, 1.0), (1.0, 1.0), (0.6, 0.4), (0.4, 0.4))
    plane = CELL.operation.plane.model_copy(update={"corners": corners})
    pointing = PlanePointing(CELL, plane)
    up = [pointing.aim((0.5, row), STATE) for row in np.linspace(0.99, 0.0, 100)]
    seen = [aim is not None for aim in up]
    assert seen == sorted(seen, reverse=True), "all rows above the horizon are beyond it"
    assert 0 < sum(seen) < 100
    assert all(aim.values_A[1] > 0 for aim in up if aim and aim.clipped and aim.end[1] < aim.start[1])


def test_marks_are_at_the_projected_positions():
    marks = pointing_of(CELL).marks(STATE)
    np.testing.assert_allclose(marks.workspace[0], shown(-0.2, -0.2), atol=1e-6)
    np.testing.assert_allclose(marks.obstacles[0][2], shown(0.05, 0.05), atol=1e-6)
    np.testing.assert_allclose(marks.goal.mean(0), shown(*STATE[4:]), atol=1e-6)
    np.testing.assert_allclose(np.ptp(marks.goal, axis=0), 0.07 / 0.4 * 0.93, rtol=1e-2)


def base_contract():
    """Return the contract of a base that drives forward faster than backward."""
    action = CELL.action.model_copy(
        update={
            "meaning": "twist",
            "quantities": (
                Quantity(name="forward", unit="m/s", low=-0.1, high=0.5),
                Quantity(name="turn", unit="rad/s", low=-1.0, high=1.0),
            ),
        }
    )
    operation = Operation(video=CELL.operation.video)
    return CELL.model_copy(update={"action": action, "operation": operation})


@pytest.mark.parametrize(
    ("pointer", "values"),
    [
        ((0.5, 0.5), (0, 0)),
        ((0.5, 0.0), (0.5, 0)),
        ((0.5, 1.0), (-0.1, 0)),
        ((0.0, 0.5), (0, 1)),
        ((1.0, 0.5), (0, -1)),
        ((0.5 + DEAD_SHARE / 2.1, 0.5), (0, 0)),
    ],
)
def test_a_joystick_is_at_rest_in_the_middle(pointer, values):
    pointing = pointing_of(base_contract())
    assert isinstance(pointing, JoystickPointing)
    assert pointing.aim(pointer, STATE).values_A.tolist() == pytest.approx(values)


@given(SHARE, SHARE)
def test_a_joystick_stays_within_the_action_range(x, y):
    contract = base_contract()
    values_A = pointing_of(contract).aim((x, y), STATE).values_A
    assert (values_A >= contract.action_low_A).all()
    assert (values_A <= contract.action_high_A).all()


def test_robots_without_an_operation_are_refused():
    with pytest.raises(InputError, match=r"robot push_cell: operation is missing, and without it no person"):
        pointing_of(CELL.model_copy(update={"operation": None}))
    assert isinstance(pointing_of(CELL), PlanePointing)
