"""The supervisors of Meta-World move as its own scripts do, and complete every task in every style."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_supervisors.metaworld import scene
from fleet_supervisors.metaworld.supervisor import FASTEST
from fleet_supervisors.supervisors import make_supervisor, styles_of
from sim_bridge.backends import prepare_environment
from sim_bridge.episodes import act_by_state, drive_until_over
from sim_bridge.metaworld.environment import Metaworld
from sim_bridge.metaworld.task import TASKS

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/metaworld.yaml", RobotContract)
SUPERVISORS = {style: make_supervisor("mt6", style, CONTRACT, 0, 0) for style in styles_of("mt6")}


@pytest.fixture(scope="module")
def environment():
    """Three robots per task."""
    try:
        prepare_environment("metaworld", "mt6")
    except InputError as error:
        pytest.skip(str(error))
    with closing(Metaworld(CONTRACT, 3 * len(TASKS))) as made:
        yield made


def scripted(environment, states_NS):
    """Return the actions of Meta-World's own scripts."""
    (actions_NA,) = environment._worker.ask("expert", np.arange(environment.robots), states_NS[:, : scene.OBSERVED])
    return actions_NA


def test_tasks_are_those_of_the_environment():
    assert scene.TASKS == TASKS


def test_brisk_supervisors_move_as_the_scripts_at_any_state(environment):
    """The states are those of whole episodes, and more around them, so that every part of the plans is used.

    Fingers may close a little earlier or later.
    """
    act = act_by_state([SUPERVISORS["brisk"].act], CONTRACT.action_dim)
    generator = np.random.default_rng(0)
    for moved in drive_until_over(environment, environment.reset(11), act):
        states_NS = moved.before.states_NS
        for noise in (0.0, 0.01, 0.05):
            near_NS = states_NS + noise * generator.standard_normal(states_NS.shape) * (np.arange(45) < scene.OBSERVED)
            own_NA = np.stack([SUPERVISORS["brisk"].act(state_S) for state_S in near_NS])
            np.testing.assert_allclose(own_NA[:, :3], scripted(environment, near_NS)[:, :3], atol=1e-6)


@pytest.mark.parametrize("style", SUPERVISORS)
def test_every_task_is_completed(environment, style):
    act = act_by_state([SUPERVISORS[style].act], CONTRACT.action_dim)
    run = list(drive_until_over(environment, environment.reset(7), act))
    succeeded_N = np.any([moved.driven_N & moved.after.succeeded_N for moved in run], axis=0)
    assert succeeded_N.mean() >= 0.9
    steps_MA = np.concatenate([moved.actions_NA[moved.driven_N] for moved in run])
    assert np.abs(steps_MA[:, :3]).max(axis=0).tolist() == list(FASTEST[style])
