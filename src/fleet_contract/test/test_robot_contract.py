"""The digest of a robot contract depends on everything that a policy depends on, and on nothing else."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from fleet_interfaces.msg import Observation

from fleet_contract.observation import state_of
from fleet_contract.robot import DEFAULT_EXTENT_M, RobotContract
from fleet_contract.validation import InputError, validated

PATH = Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml"
TREE = yaml.safe_load(PATH.read_text(encoding="utf-8"))


def contract(tree) -> RobotContract:
    return validated(tree, RobotContract, source="robot.yaml")


WITHOUT_OPERATION = {key: part for key, part in TREE.items() if key != "operation"}
"""Contract in which no section refers to quantities of another."""


def with_change(place, value, tree=TREE) -> RobotContract:
    tree = copy.deepcopy(tree)
    at = tree
    for key in place[:-1]:
        at = at[key]
    assert at[place[-1]] != value
    at[place[-1]] = value
    return contract(tree)


CONTRACT = contract(TREE)
STATE, ACTION, CAMERA = ("observation", "state", "quantities"), ("action", "quantities"), ("observation", "camera")
ESSENTIAL = [
    (("robot",), "other_cell"),
    *[((*at, index, "name"), "other") for at in (STATE, ACTION) for index in (0, 1)],
    *[((*at, index, "unit"), "mm") for at in (STATE, ACTION) for index in (0, 1)],
    *[((*at, index, "low"), -0.01) for at in (STATE, ACTION) for index in (0, 1)],
    *[((*at, index, "high"), 0.01) for at in (STATE, ACTION) for index in (0, 1)],
    (STATE, TREE["observation"]["state"]["quantities"][::-1]),
    (STATE, TREE["observation"]["state"]["quantities"][:-1]),
    (ACTION, TREE["action"]["quantities"][::-1]),
    ((*CAMERA, "width"), 97),
    ((*CAMERA, "height"), 97),
    ((*CAMERA, "encoding"), "bgr8"),
    (CAMERA, None),
    (("action", "meaning"), "twist"),
]


def test_each_essential_change_changes_the_digest():
    digests = {with_change(place, value, WITHOUT_OPERATION).digest for place, value in ESSENTIAL} | {CONTRACT.digest}
    assert len(digests) == len(ESSENTIAL) + 1


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((*STATE, 0, "meaning"), "where the cube is"),
        ((*ACTION, 0, "meaning"), "how far to push"),
        (("rate_hz",), 3.0),
        (("action", "topic"), "command"),
        (("operation",), None),
        (("operation", "plane", "body"), None),
        (("observation", "state", "align"), {"rule": "nearest", "timeline": "receive", "tolerance_s": 0.1}),
    ],
)
def test_changes_that_do_not_concern_policies_keep_the_digest(place, value):
    assert with_change(place, value).digest == CONTRACT.digest


def test_the_pose_of_the_camera_keeps_the_digest():
    tree = copy.deepcopy(TREE)
    tree["observation"]["camera"]["place"] = {"position": [0, 0, 1], "roll_pitch_yaw": [3.14, 0, 0]}
    assert contract(tree).digest == CONTRACT.digest
    tree["observation"]["camera"]["place"] = {"position": [0, 0, 1]}
    with pytest.raises(InputError, match=r"observation.camera.place.roll_pitch_yaw is missing"):
        contract(tree)


def test_the_extent_is_that_of_the_workspace():
    assert CONTRACT.extent_m == pytest.approx(0.4)
    assert with_change(("operation", "plane", "workspace", "high"), [0.4, 0.2]).extent_m == pytest.approx(0.6)
    assert contract(WITHOUT_OPERATION).extent_m == DEFAULT_EXTENT_M


def test_the_digest_is_that_of_existing_checkpoints():
    assert CONTRACT.digest == "2aa5e21ba3d9ad606398ae639367696fc79a0d4df0ce59ed52cd0466edd43e03"


def test_a_robot_may_have_no_camera():
    tree = copy.deepcopy(TREE)
    del tree["observation"]["camera"]
    blind = contract(tree)
    assert blind.observation.camera is None
    assert blind == with_change(CAMERA, None)
    assert contract(blind.model_dump(mode="json")) == blind


def test_the_order_of_keys_keeps_the_digest():
    def reversed_keys(tree):
        if isinstance(tree, dict):
            return {key: reversed_keys(tree[key]) for key in reversed(tree)}
        return [reversed_keys(item) for item in tree] if isinstance(tree, list) else tree

    turned = reversed_keys(TREE)
    assert list(turned) != list(TREE)
    assert contract(turned).digest == CONTRACT.digest


def test_an_integer_in_the_file_is_the_same_limit():
    tree = copy.deepcopy(TREE)
    quantity = tree["observation"]["state"]["quantities"][2]
    assert isinstance(quantity["low"], float)
    quantity["low"] = int(quantity["low"])
    assert contract(tree).digest == CONTRACT.digest


@pytest.mark.parametrize(("low", "high"), [(0.05, 0.05), (0.06, 0.05)])
def test_an_empty_range_is_refused(low, high):
    tree = copy.deepcopy(TREE)
    tree["action"]["quantities"][1] |= {"low": low, "high": high}
    with pytest.raises(InputError) as caught:
        contract(tree)
    assert str(caught.value) == f"robot.yaml: action.quantities.1.low: expected less than high (0.05), got {low}."


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (
            ("plane", "start"),
            ["cube_x", "cube_z"],
            "operation.plane: expected quantities of cube_x, cube_y,",
        ),
        (
            ("plane", "goal", "centre"),
            ["x", "goal_y"],
            "operation.plane: expected quantities of cube_x, cube_y,",
        ),
        (
            ("plane", "body", "yaw"),
            ["cube_yaw_cos4", "sine"],
            "operation.plane: expected quantities of cube_x, cube_y,",
        ),
        (
            ("plane", "body", "size"),
            [0.1, 0.1, 0.0],
            "operation.plane.body.size.2: expected a number greater than 0, got 0.0",
        ),
        (
            ("plane", "body", "folds"),
            0,
            "operation.plane.body.folds: expected a number greater than or equal to 1, got 0",
        ),
        (("plane", "goal", "radius"), 0, "operation.plane.goal.radius: expected a number greater than 0, got 0"),
        (("plane", "workspace", "low"), [0.3, -0.2], "operation.plane.workspace.low: expected less than high"),
        (
            ("plane", "corners"),
            [[0, 1], [1, 1], [1, 0], [0, 2]],
            "operation.plane.corners.3.1: expected a number less than or equal to 1, got 2",
        ),
        (
            ("plane", "corners"),
            [[0, 1], [0, 0], [1, 0], [1, 1]],
            "operation.plane.corners: expected the corners of a convex quadrangle",
        ),
        (
            ("plane", "corners"),
            [[0, 1], [1, 0], [1, 1], [0, 0]],
            "operation.plane.corners: expected the corners of a convex quadrangle",
        ),
        (
            ("plane", "corners"),
            [[0, 1], [0, 1], [1, 0], [0, 0]],
            "operation.plane.corners: expected the corners of a convex quadrangle",
        ),
        (("video", "rate_hz"), 2, "operation.video.rate_hz: expected a number greater than or equal to 5, got 2"),
        (
            ("video", "type"),
            "sensor_msgs/msg/Image",
            "operation.video.type: expected 'sensor_msgs/msg/CompressedImage'",
        ),
    ],
)
def test_operations_that_do_not_fit_are_refused(place, value, sentence):
    with pytest.raises(InputError) as caught:
        with_change(("operation", *place), value)
    assert str(caught.value).startswith(f"robot.yaml: {sentence}")


def test_a_pointer_moves_in_both_directions():
    with pytest.raises(InputError, match=r"operation: expected a range of dx around 0, .+, got 0.01 to 0.05"):
        with_change((*ACTION, 0, "low"), 0.01)


def test_a_pointer_moves_two_values():
    tree = copy.deepcopy(TREE)
    tree["action"]["quantities"].append({"name": "dz", "unit": "m", "low": 0, "high": 1})
    with pytest.raises(InputError, match="operation: expected 2 action values, which a pointer moves, got 3"):
        contract(tree)


def test_a_contract_without_operation_is_refused_where_it_is_needed():
    assert CONTRACT.require_operation() == CONTRACT.operation
    with pytest.raises(InputError, match=r"^robot push_cell: operation is missing, and without it no person can drive"):
        _ = contract(WITHOUT_OPERATION).require_operation()


def test_dimensions_and_limits_are_those_of_the_file():
    assert (CONTRACT.state_dim, CONTRACT.action_dim) == (6, 2)
    np.testing.assert_array_equal(CONTRACT.action_low_A, [-0.05, -0.05])
    np.testing.assert_array_equal(CONTRACT.action_high_A, [0.05, 0.05])


def test_another_contract_is_refused_with_both_digests():
    CONTRACT.require_same(contract(TREE).digest, owner="policy.safetensors")
    other = with_change((*ACTION, 0, "unit"), "mm").digest
    with pytest.raises(InputError) as caught:
        CONTRACT.require_same(other, owner="policy.safetensors")
    assert str(caught.value) == (
        f"policy.safetensors: contract: expected {CONTRACT.digest[:12]} (robot push_cell: 6 observation and 2 action values "
        f"with their names, units and ranges), got {other[:12]}."
    )


def test_a_message_gives_the_state_in_the_contracts_order():
    values = [0.1, -0.1, 1.0, 0.0, -0.15, 0.15]
    np.testing.assert_array_equal(state_of(Observation(values=values), CONTRACT), values)


@pytest.mark.parametrize("values", [[], [0.0] * 5, [0.0] * 7, [0.0] * 5 + [np.nan], [np.inf] + [0.0] * 5])
def test_states_of_another_length_or_that_are_not_finite_are_refused(values):
    with pytest.raises(ValueError, match=r"^observation: expected 6 finite values, got \[.*\]$"):
        state_of(Observation(values=values), CONTRACT)


def test_the_state_is_read_from_the_field_of_the_contract():
    renamed = with_change(("observation", "state", "field"), "position")
    np.testing.assert_array_equal(state_of(SimpleNamespace(position=range(6)), renamed), np.arange(6.0))
