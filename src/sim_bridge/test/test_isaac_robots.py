"""The benchmark's models in a stand-in for Isaac Gym: their description, and the exchange of states, drives and sensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from positions import positions

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge.backends import BENCHMARK, make_environment
from sim_bridge.benchmark.isaac_scene import scene_of
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.headless_mujoco import mujoco
from sim_bridge.isaac.process import INTERPRETER

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}


def described_models(scene):
    """Return MuJoCo's models of the actors' MJCF by the actor's name."""
    return {actor["name"]: mujoco.MjModel.from_xml_string(actor["mjcf"]) for actor in scene["actors"]}


@pytest.mark.parametrize("task", BENCHMARK)
def test_the_described_bodies_are_those_of_the_model(task):
    model = KINDS[task].model()
    joints, bodies = set(), set()
    for described in described_models(scene_of(model)).values():
        for index in range(1, described.nbody):
            theirs, name = described.body(index), described.body(index).name
            if name == "table":
                continue
            ours = model.body(name)
            bodies.add(name)
            np.testing.assert_allclose(theirs.mass, ours.mass, rtol=1e-9)
            np.testing.assert_allclose(theirs.inertia, ours.inertia, rtol=1e-9)
            np.testing.assert_allclose(theirs.ipos, ours.ipos, atol=1e-12)
            np.testing.assert_allclose(theirs.iquat, ours.iquat, atol=1e-12)
            if theirs.parentid[0] != 0:
                np.testing.assert_allclose(theirs.pos, ours.pos, atol=1e-12)
                np.testing.assert_allclose(theirs.quat, ours.quat, atol=1e-12)
        for index in range(described.njnt):
            if described.jnt_type[index] != mujoco.mjtJoint.mjJNT_FREE:
                theirs, ours = described.joint(index), model.joint(described.joint(index).name)
                joints.add(theirs.name)
                np.testing.assert_allclose(theirs.axis, ours.axis, atol=1e-12)
                np.testing.assert_allclose(theirs.range, ours.range, atol=1e-12)
    assert bodies == {model.body(index).name for index in range(1, model.nbody)}
    free = {model.joint(index).name for index in range(model.njnt) if model.jnt_type[index] == 0}
    assert joints == {model.joint(index).name for index in range(model.njnt)} - free


@pytest.mark.parametrize("task", BENCHMARK)
def test_the_described_bodies_collide_as_in_mujoco(task):
    """MuJoCo is the oracle: two geoms are placed onto each other, and all others far away."""
    model = KINDS[task].model()
    shapes = []
    for actor in scene_of(model)["actors"]:
        by_body = {}
        for shape in actor["shapes"]:
            by_body.setdefault(shape["body"], []).append(shape["filter"])
        for body, filters in by_body.items():
            index = -1 if body == "table" else model.body(body).id
            geoms = [
                geom for geom in range(model.ngeom) if model.geom_bodyid[geom] == index and touches_any(model, geom)
            ]
            geoms = geoms or [model.geom("table").id]
            assert len(geoms) == len(filters)
            shapes += zip(geoms, filters, [model.geom_bodyid[geom] for geom in geoms], strict=True)
    assert len(shapes) == sum(touches_any(model, geom) for geom in range(model.ngeom) if model.geom_type[geom] != 0)
    for index, (one, bits, body) in enumerate(shapes):
        for other, other_bits, other_body in shapes[:index]:
            if body != other_body and related(model, body, other_body):
                assert (not bits & other_bits) == collide(model, one, other)


def touches_any(model, geom):
    return any(collide(model, geom, other) for other in range(model.ngeom) if other != geom)


def collide(model, one, other):
    """Return whether MuJoCo finds contacts of two overlapping geoms of different bodies."""
    model.opt.disableflags |= (
        mujoco.mjtDisableBit.mjDSBL_MIDPHASE.value
    )  # it uses the positions of bodies, not of geoms
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    data.geom_xpos[:] = 1000.0 + 100.0 * np.arange(model.ngeom)[:, None]
    data.geom_xpos[[one, other]] = 0.0
    mujoco.mj_collision(model, data)
    return any({int(pair[0]), int(pair[1])} == {one, other} for pair in data.contact.geom)


def related(model, body, other):
    """Return whether two bodies can collide: neighbours in a chain cannot, in Isaac Gym as in MuJoCo."""
    return model.body_parentid[body] != other and model.body_parentid[other] != body


@pytest.fixture
def two_fleets(stand_in):
    """Return a function that creates a task's fleet in MuJoCo and in Isaac Gym."""
    made = []

    def make(task):
        fleets = [make_environment(backend, task, CONTRACTS[task], 3) for backend in ("mujoco", "isaacgym")]
        made.extend(fleets)
        return fleets

    yield make
    for fleet in made:
        fleet.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "ticks", "atol"),
    [("ball_balance", 18, 1e-3), ("ant", 4, 0.03), ("anymal", 3, 5e-3), ("franka_cube_stack", 25, 1e-3)],
)
def test_robots_move_as_in_mujoco(two_fleets, task, ticks, atol):
    """They deviate after some ticks, because contacts differ and damping is not implicit."""
    here, there = two_fleets(task)
    contract, rng = CONTRACTS[task], np.random.default_rng(0)
    placed = positions(contract)
    felt_S = np.array(["force" in one.name or "torque" in one.name for one in contract.observation.state.quantities])
    start_NS = here.reset(3).states_NS
    np.testing.assert_allclose(there.reset(3).states_NS[:, ~felt_S], start_NS[:, ~felt_S], atol=1e-5)
    kinds_N = np.array([ActionKind.MOVE, ActionKind.HOLD, ActionKind.MOVE])
    for _ in range(ticks):
        actions_NA = 0.3 * rng.uniform(-1, 1, (3, contract.action_dim))
        ours, theirs = (fleet.step(kinds_N, actions_NA) for fleet in (here, there))
        np.testing.assert_allclose(theirs.states_NS[:, placed], ours.states_NS[:, placed], atol=atol)
    assert np.abs(theirs.states_NS - start_NS)[:, placed].max() > 10 * atol, "they moved"
    np.testing.assert_array_equal(theirs.states_NS[1, ~felt_S], there.reset(3).states_NS[1, ~felt_S])


def test_a_base_on_the_ground_is_a_violation(two_fleets):
    for fleet in two_fleets("anymal"):
        fleet.reset(0)
        fleet._batch.bind("qpos")[0, 2:7] = (0.118, 0.0, 1.0, 0.0, 0.0)
        step = fleet.step(np.ones(3, dtype=int), np.zeros((3, 12)))
        assert step.violated_N.tolist() == [True, False, False]


def test_an_ant_measures_forces_of_the_leg_that_it_moves(two_fleets):
    for fleet in two_fleets("ant"):
        fleet.reset(0)
        fleet._batch.bind("qpos")[:, 2], fleet._batch.bind("qvel")[:] = 2.0, 0.0
        fleet.step(np.ones(3, dtype=int), np.eye(8)[[1, 5, 7]])
        forces_N4 = np.linalg.norm(fleet._batch.bind("sensordata").reshape(3, 4, 6)[..., :3], axis=-1)
        assert forces_N4.argmax(axis=1).tolist() == [0, 2, 3]


def test_without_isaac_gym_the_error_says_where_to_get_it(monkeypatch):
    monkeypatch.delenv(INTERPRETER, raising=False)
    with pytest.raises(InputError, match=r"No module named 'isaacgym'.*https://developer\.nvidia\.com/isaac-gym"):
        make_environment("isaacgym", "ant", CONTRACTS["ant"], 2)
