"""The benchmark's models in Isaac Gym: what it is told of them, and that states, drives and sensors arrive, with a stand-in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from places import places

from fleet_contract.action import ActionKind
from fleet_contract.door import BadInput, read_yaml
from fleet_contract.robot import RobotContract
from sim_bridge.backends import BENCHMARK, make_environment
from sim_bridge.benchmark.isaac_scene import scene_of
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.headless_mujoco import mujoco
from sim_bridge.isaac_process import INTERPRETER

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}


@pytest.mark.parametrize("task", BENCHMARK)
def test_what_is_told_weighs_the_same_is_built_the_same_and_collides_the_same(task):
    """MuJoCo reads the actors' MJCF, and finds the masses, places and joints of the model that they were made of."""
    model = KINDS[task].model()
    scene = scene_of(model)
    for actor in scene["actors"]:
        told = mujoco.MjModel.from_xml_string(actor["mjcf"])
        for body in range(1, told.nbody):
            name = told.body(body).name
            if name in {model.body(each).name for each in range(model.nbody)}:
                ours = model.body(name)
                np.testing.assert_allclose(told.body_mass[body], ours.mass, rtol=1e-9)
                np.testing.assert_allclose(told.body_inertia[body], ours.inertia, rtol=1e-9)
                if told.body_parentid[body] != 0:
                    np.testing.assert_allclose(told.body_pos[body], ours.pos, atol=1e-12)
                    np.testing.assert_allclose(told.body_quat[body], ours.quat, atol=1e-12)
        for joint in range(told.njnt):
            if told.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE:
                ours = model.joint(told.joint(joint).name)
                np.testing.assert_allclose(told.jnt_axis[joint], ours.axis, atol=1e-12)
                np.testing.assert_allclose(told.jnt_range[joint], ours.range, atol=1e-12)


@pytest.fixture
def two_fleets(stand_in):
    """Makes a task's fleet in MuJoCo, and in Isaac Gym."""
    made = []

    def make(task):
        fleets = [make_environment(backend, task, CONTRACTS[task], 3) for backend in ("mujoco", "isaacgym")]
        made.extend(fleets)
        return fleets

    yield make
    for fleet in made:
        fleet.close()


@pytest.mark.parametrize(
    ("task", "ticks", "atol"),
    [("ball_balance", 18, 1e-3), ("ant", 4, 0.03), ("anymal", 3, 5e-3), ("franka_cube_stack", 25, 1e-3)],
)
def test_robots_go_where_they_go_in_mujoco(two_fleets, task, ticks, atol):
    """Other contacts, and damping that is not implicit, let them part after some ticks."""
    here, there = two_fleets(task)
    contract, rng = CONTRACTS[task], np.random.default_rng(0)
    placed = places(contract)
    felt_S = np.array(["force" in one.name or "torque" in one.name for one in contract.observation.state.quantities])
    start_NS = here.start(3).states_NS
    np.testing.assert_allclose(there.start(3).states_NS[:, ~felt_S], start_NS[:, ~felt_S], atol=1e-5)
    kinds_N = np.array([ActionKind.MOVE, ActionKind.HOLD, ActionKind.MOVE])
    for _ in range(ticks):
        actions_NA = 0.3 * rng.uniform(-1, 1, (3, contract.action_dim))
        ours, theirs = (fleet.step(kinds_N, actions_NA) for fleet in (here, there))
        np.testing.assert_allclose(theirs.states_NS[:, placed], ours.states_NS[:, placed], atol=atol)
    assert np.abs(theirs.states_NS - start_NS)[:, placed].max() > 10 * atol, "they moved"
    np.testing.assert_array_equal(theirs.states_NS[1, ~felt_S], there.start(3).states_NS[1, ~felt_S])


def test_a_base_on_the_ground_is_felt(two_fleets):
    for fleet in two_fleets("anymal"):
        fleet.start(0)
        fleet._batch.bind("qpos")[0, 2:7] = (0.118, 0.0, 1.0, 0.0, 0.0)
        step = fleet.step(np.ones(3, dtype=int), np.zeros((3, 12)))
        assert step.violated_N.tolist() == [True, False, False]


def test_an_ant_feels_the_leg_that_it_moves(two_fleets):
    for fleet in two_fleets("ant"):
        fleet.start(0)
        fleet._batch.bind("qpos")[:, 2], fleet._batch.bind("qvel")[:] = 2.0, 0.0
        fleet.step(np.ones(3, dtype=int), np.eye(8)[[1, 5, 7]])
        forces_N4 = np.linalg.norm(fleet._batch.bind("sensordata").reshape(3, 4, 6)[..., :3], axis=-1)
        assert forces_N4.argmax(axis=1).tolist() == [0, 2, 3]


def test_without_isaac_gym_says_where_to_get_it(monkeypatch):
    monkeypatch.delenv(INTERPRETER, raising=False)
    with pytest.raises(BadInput, match=r"No module named 'isaacgym'.*https://developer\.nvidia\.com/isaac-gym"):
        make_environment("isaacgym", "ant", CONTRACTS["ant"], 2)
