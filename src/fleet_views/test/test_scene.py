"""Checks that a robot's shapes show what is known of it, and nothing else."""

from __future__ import annotations

from math import atan2, cos, inf, nan, pi, sin

import numpy as np
import pytest
from conftest import CONFIG
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_common.palette import GREEN, MUTED, ORANGE, SKY, TEXT, VERMILION, YELLOW
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_views.robot_snapshot import RobotSnapshot
from fleet_views.scene import Scene
from fleet_views.shape import Form

PUSH_CELL, YUMI, POINTBOT, MOBILE_BASE = (
    read_yaml(CONFIG / f"robots/{name}.yaml", RobotContract)
    for name in ("push_cell", "yumi_push_cell", "pointbot", "mobile_base")
)
STATE_S = np.array([0.1, -0.05, 1.0, 0.0, -0.15, 0.12])
PUSH = RobotAction(3, ActionKind.MOVE, ActionSource.POLICY, (0.03, -0.04), policy_version=2)
LEASE = Lease("robot_01", "human_01", 4, LeaseKind.TELEOPERATE, 3)
RESET = Lease("robot_01", "human_02", 5, LeaseKind.HARD_RESET, 3)


def drawn(snapshot, contract=PUSH_CELL):
    """Return the shapes by layer and number."""
    shapes = Scene(contract).draw("robot_01", snapshot)
    found = {(shape.layer, shape.number): shape for shape in shapes}
    assert len(found) == len(shapes), "layer and number of every shape are unique"
    assert {shape.robot for shape in shapes} == {"robot_01"}
    return found


def texts(snapshot):
    """Return all texts, by layer."""
    return {layer: shape.text for (layer, _), shape in drawn(snapshot).items() if shape.form is Form.TEXT}


def extent_of(shape):
    """Return the lower and upper corner of an upright box or disc that is not rotated."""
    middle, half = np.array(shape.position), np.array(shape.size) / 2
    return middle - half, middle + half


@given(
    st.floats(-0.2, 0.2),
    st.floats(-0.2, 0.2),
    st.floats(-pi / 4 + 1e-6, pi / 4 - 1e-6),
    st.tuples(*[st.floats(-0.05, 0.05)] * 2),
)
def test_the_cube_is_where_it_is_observed_and_the_arrow_shows_the_push(x, y, yaw, push):
    state_S = np.array([x, y, cos(4 * yaw), sin(4 * yaw), 0.0, 0.15])
    action = RobotAction(3, ActionKind.MOVE, ActionSource.POLICY, push, policy_version=1)
    shapes = drawn(RobotSnapshot(state_S=state_S, action=action))
    body = shapes["body", 0]
    assert body.position == pytest.approx((x, y, 0.035 / 2))
    assert body.size == (0.035, 0.035, 0.035)
    assert body.yaw == pytest.approx(yaw, abs=1e-9)
    if push == (0.0, 0.0):
        assert ("action", 0) not in shapes
        return
    start, end = shapes["action", 0].points
    assert start[:2] == pytest.approx((x, y))
    assert np.subtract(end, start) == pytest.approx((*push, 0.0))
    assert start[2] > 0.035, "the cube would hide an arrow below its top"


@pytest.mark.parametrize(("contract", "scale"), [(PUSH_CELL, 1.0), (YUMI, 0.7)])
def test_workspace_obstacle_and_goal_match_the_contract(contract, scale):
    shapes = drawn(RobotSnapshot(state_S=scale * STATE_S, action=PUSH), contract)
    outline = np.array(shapes["workspace", 0].points)
    assert outline.shape == (5, 3)
    np.testing.assert_allclose([outline.min(0), outline.max(0)], scale * np.array([[-0.2, -0.2, 0], [0.2, 0.2, 0]]))
    assert outline[0].tolist() == outline[-1].tolist()
    low, high = extent_of(shapes["obstacles", 0])
    np.testing.assert_allclose([low[:2], high[:2]], scale * np.array([[-0.05, -0.05], [0.05, 0.05]]))
    assert low[2] == pytest.approx(0.0)
    goal = shapes["goal", 0]
    assert goal.position[:2] == pytest.approx((scale * -0.15, scale * 0.12))
    assert goal.size[0] == goal.size[1] == pytest.approx(2 * scale * 0.035)
    assert [shapes[key].colour for key in (("workspace", 0), ("obstacles", 0), ("goal", 0))] == [TEXT, VERMILION, GREEN]


@pytest.mark.parametrize(
    ("snapshot", "text", "colour"),
    [
        (RobotSnapshot(STATE_S, action=PUSH), "policy version 2", SKY),
        (
            RobotSnapshot(
                STATE_S,
                lease=LEASE,
                action=RobotAction(3, ActionKind.MOVE, ActionSource.HUMAN, (0.0, 0.01), 0, "human_01", 4),
            ),
            "human_01",
            ORANGE,
        ),
        (RobotSnapshot(STATE_S, lease=LEASE), "human_01 is deciding", ORANGE),
        (RobotSnapshot(STATE_S, violated=True, lease=RESET), "human_02: hard reset", YELLOW),
        (
            RobotSnapshot(
                STATE_S, action=RobotAction(3, ActionKind.HOLD, ActionSource.NOBODY, reason="emergency stop")
            ),
            "nobody: emergency stop",
            MUTED,
        ),
        (RobotSnapshot(STATE_S), "nobody", MUTED),
        (RobotSnapshot(STATE_S, last=PUSH), "policy version 2", SKY),
        (
            RobotSnapshot(STATE_S, unreachable="no answer from its gateway"),
            "unreachable: no answer from\nits gateway",
            MUTED,
        ),
    ],
)
def test_text_and_colour_show_who_drives(snapshot, text, colour):
    shapes = drawn(snapshot)
    assert shapes["driver", 0].text == f"robot_01\n{text}"
    assert shapes["driver", 0].colour == shapes["floor", 0].colour == colour


@pytest.mark.parametrize(
    ("snapshot", "text", "colour"),
    [
        (RobotSnapshot(STATE_S, action=PUSH), None, TEXT),
        (RobotSnapshot(STATE_S, action=PUSH, waiting=True), "waiting for a human", ORANGE),
        (RobotSnapshot(STATE_S, violated=True), "needs a hard reset", YELLOW),
        (RobotSnapshot(STATE_S, violated=True, waiting=True), "needs a hard reset, waiting\nfor a human", YELLOW),
        (RobotSnapshot(STATE_S, violated=True, lease=RESET), None, YELLOW),
        (RobotSnapshot(STATE_S, unreachable="link lost", violated=True, waiting=True), None, MUTED),
    ],
)
def test_text_and_colour_show_what_a_robot_needs(snapshot, text, colour):
    assert texts(snapshot).get("help") == text
    shapes = drawn(snapshot)
    assert shapes["workspace", 0].colour == colour
    if text:
        assert shapes["help", 0].colour == colour
        assert shapes["workspace", 0].size > drawn(RobotSnapshot(STATE_S))["workspace", 0].size


@given(st.floats(-0.1, 5.0), st.floats(0.01, 3.0))
@example(uncertainty=5e-324, threshold=3.0)
@example(uncertainty=5e-324, threshold=0.01)
@example(uncertainty=2.2e-308, threshold=3.0)
def test_the_bar_passes_its_middle_exactly_if_the_robot_asks_for_help(uncertainty, threshold):
    shapes = drawn(RobotSnapshot(STATE_S, uncertainty=uncertainty, threshold=threshold, unit="nats"))
    mark = shapes["uncertainty", 2].position[0]
    colour = shapes["uncertainty", 0].colour
    assert shapes["uncertainty", 0].text == f"{uncertainty:.2f} nats (threshold {threshold:.2f})"
    assert colour == (ORANGE if uncertainty > threshold else SKY)
    if ("uncertainty", 1) not in shapes:
        assert uncertainty <= 0
        return
    assert uncertainty > 0
    bar = shapes["uncertainty", 1]
    assert bar.size[0] > 0
    low, high = extent_of(bar)
    assert low[0] == pytest.approx(-0.2)
    assert high[0] <= 0.2 + 1e-9
    assert bar.colour == colour
    if abs(uncertainty - threshold) > 1e-9:
        assert (high[0] > mark) == (uncertainty > threshold)


@pytest.mark.parametrize("threshold", [inf, 0.0])
def test_without_a_threshold_there_is_no_bar(threshold):
    snapshot = RobotSnapshot(STATE_S, uncertainty=0.5, threshold=threshold, unit="nats")
    assert {key for key in drawn(snapshot) if key[0] == "uncertainty"} == {("uncertainty", 0)}
    assert texts(snapshot)["uncertainty"] == ("0.50 nats" if threshold == inf else "0.50 nats (threshold 0.00)")


def test_unknown_values_are_not_drawn():
    without_state = {layer for layer, _ in drawn(RobotSnapshot())}
    assert without_state == {"floor", "driver", "workspace", "obstacles"}
    unreachable = RobotSnapshot(STATE_S, unreachable="link lost", uncertainty=0.5, threshold=0.2, action=PUSH)
    assert {layer for layer, _ in drawn(unreachable)} == without_state
    assert "action" not in {layer for layer, _ in drawn(RobotSnapshot(STATE_S))}


def test_without_a_body_in_the_contract_its_position_is_drawn():
    plane = PUSH_CELL.operation.plane.model_copy(update={"body": None, "goal": None})
    bodiless = PUSH_CELL.model_copy(update={"operation": PUSH_CELL.operation.model_copy(update={"plane": plane})})
    shapes = drawn(RobotSnapshot(STATE_S, action=PUSH), bodiless)
    assert (shapes["body", 0].form, shapes["body", 0].position[:2]) == (Form.DISC, (0.1, -0.05))
    assert ("goal", 0) not in shapes
    assert shapes["action", 0].points[0][:2] == (0.1, -0.05)


@pytest.mark.parametrize("contract", [POINTBOT, MOBILE_BASE])
def test_robots_without_a_plane_show_driver_and_uncertainty(contract):
    state_S = np.zeros(contract.state_dim)
    snapshot = RobotSnapshot(state_S, uncertainty=0.5, threshold=0.2, waiting=True, action=PUSH)
    assert {layer for layer, _ in drawn(snapshot, contract)} == {"floor", "driver", "help", "uncertainty"}


def test_an_action_that_is_no_displacement_in_the_plane_is_not_drawn():
    twist = PUSH_CELL.model_copy(update={"action": PUSH_CELL.action.model_copy(update={"meaning": "twist"})})
    assert ("action", 0) in drawn(RobotSnapshot(STATE_S, action=PUSH))
    assert ("action", 0) not in drawn(RobotSnapshot(STATE_S, action=PUSH), twist)


def test_an_unknown_uncertainty_is_not_shown():
    assert not [key for key in drawn(RobotSnapshot(STATE_S, uncertainty=nan, threshold=0.2)) if key[0] == "uncertainty"]


def test_texts_fit_between_two_robots():
    """Robots stand 2 extents apart (`robot_driver.frames.SPACING`), and both have texts in between."""
    reaches = []
    for snapshot in (
        RobotSnapshot(STATE_S, violated=True, waiting=True, uncertainty=0.5, threshold=0.2, action=PUSH),
        RobotSnapshot(STATE_S, unreachable="its camera stands still and its gateway reports no state"),
    ):
        for shape in drawn(snapshot).values():
            lines = shape.text.count("\n") + 1 if shape.text else 0
            half = shape.size[2] * lines / 2
            reaches += [(shape.position[1] + half, shape.position[1] - half)]
    up, down = max(high for high, _ in reaches) - 0.2, -0.2 - min(low for _, low in reaches)
    assert 0 < up + down < (2 - 1) * PUSH_CELL.extent_m


def test_yaw_is_recovered_up_to_the_symmetry_of_the_body():
    for yaw in np.linspace(-pi, pi, 17):
        state_S = np.array([0, 0, cos(4 * yaw), sin(4 * yaw), 0, 0.15])
        found = drawn(RobotSnapshot(state_S))["body", 0].yaw
        assert atan2(sin(4 * (found - yaw)), cos(4 * (found - yaw))) == pytest.approx(0.0, abs=1e-9)
