"""Demonstrations are what supervisors did where they drove, and the first policy is calibrated as it says."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.dataset import read_dataset
from fleet_learning.full_decider import FullDecider
from fleet_learning.state_encoder import StateEncoderShape
from fleet_supervisors.supervisors import make_supervisor
from fleet_training.algorithms import ALGORITHMS
from fleet_training.calibration import run_without_teleoperation
from fleet_training.demonstrations import demonstrate
from fleet_training.first_policy import FirstPolicy
from fleet_training.fleet_loop import supervisors_of
from fleet_training.learning_setup import learning_setup
from fleet_training.pretraining import pretrain
from iifl_policy.explicit import ExplicitPolicy
from sim_bridge.backends import make_environment

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG / "block_push.yaml")
CONTRACT = FLEET.contract()


class Clumsy:
    """A scripted supervisor who now and then pushes the cube into something."""

    def __init__(self, style) -> None:
        self.scripted = make_supervisor("block_push", style, CONTRACT, seed=0, index=0)
        self.generator = np.random.default_rng(0)

    def begin(self) -> None:
        self.scripted.begin()

    def act(self, state_S):
        if self.generator.random() < 0.5:
            return self.generator.uniform(-0.05, 0.05, 2)
        return self.scripted.act(state_S)


class Watched:
    """An environment whose steps are kept."""

    def __init__(self, environment) -> None:
        self.environment, self.contract, self.robots = environment, environment.contract, environment.robots
        self.log = []

    def reset(self, seed):
        self.last = self.environment.reset(seed)
        return self.last

    def step(self, kinds_N, actions_NA):
        self.log.append((self.last, kinds_N.copy(), actions_NA.copy()))
        self.last = self.environment.step(kinds_N, actions_NA)
        return self.last


@pytest.fixture
def watched():
    environment = make_environment("mujoco", "block_push", CONTRACT, 3)
    yield Watched(environment)
    environment.close()


@pytest.mark.parametrize("pairs", [1, 2, 3, 100, 301])
def test_pairs_are_as_many_as_asked_and_none_is_of_a_robot_in_violation_or_at_its_goal(watched, pairs):
    dataset = demonstrate(watched, [Clumsy("clockwise"), Clumsy("counterclockwise")], pairs, seed=2)
    assert dataset.observations_B.shape == (pairs, 6)
    assert dataset.actions_BA.shape == (pairs, 2)
    states, actions, stuck, done = [], [], 0, 0
    for before, kinds_N, actions_NA in watched.log:
        for robot in range(3):
            elsewhere = before.violated_N[robot] or before.succeeded_N[robot]
            assert kinds_N[robot] == (ActionKind.HARD_RESET if elsewhere else ActionKind.MOVE)
            if not elsewhere:
                states.append(before.states_NS[robot])
                actions.append(actions_NA[robot])
        stuck, done = stuck + before.violated_N.sum(), done + before.succeeded_N.sum()
    np.testing.assert_array_equal(dataset.observations_B, np.float32(states[:pairs]))
    np.testing.assert_array_equal(dataset.actions_BA, np.float32(actions[:pairs]))
    assert (np.abs(dataset.actions_BA) <= np.float32(0.05)).all()
    assert 0 <= len(states) - pairs < 3
    assert pairs < 100 or stuck


def test_what_is_meant_is_learned_and_what_is_done_differs_by_the_noise(watched):
    supervisor = make_supervisor("block_push", "clockwise", CONTRACT, 0, 0)
    dataset = demonstrate(watched, [supervisor], 300, seed=2, noise=0.1)
    meant = [supervisor.act(state_S) for state_S in dataset.observations_B.astype(float)]
    np.testing.assert_allclose(dataset.actions_BA, meant, atol=1e-5)
    done = [
        actions_NA[robot]
        for _, kinds_N, actions_NA in watched.log
        for robot in np.flatnonzero(kinds_N == ActionKind.MOVE)
    ]
    off_BA = np.array(done)[:300] - meant
    inside_BA = np.abs(meant) < 0.03
    assert np.std(off_BA[inside_BA]) == pytest.approx(0.1 * 0.05, rel=0.15)
    assert np.abs(done).max() <= 0.05


def test_scripted_supervisors_show_success_after_success_in_both_styles(watched):
    styles = ("clockwise", "counterclockwise", "clockwise")
    demonstrate(
        watched,
        [make_supervisor("block_push", style, CONTRACT, 0, index) for index, style in enumerate(styles)],
        200,
        seed=0,
    )
    succeeded_N = sum(step.succeeded_N.astype(int) for step, _, _ in watched.log)
    assert (succeeded_N >= 2).all()
    assert not any(step.violated_N.any() for step, _, _ in watched.log)


RECIPE = """
fleet: tiny
robots: {contract: CONTRACT, count: 3}
environment: {backend: mujoco, task: block_push}
supervisors: {count: 2, styles: [clockwise, counterclockwise]}
policy: {checkpoint: made/policy.safetensors, sampler: langevin, chains: 4, iterations: 2}
training: {demonstrations: made/pairs.npz}
pretraining:
  {pairs: 30, width: 8, depth: 1, state_depth: 2, gradient_steps: 5, batch_size: 8, counter_example_iterations: 2,
   calibration_ticks: 12, calibration_percentile: 75}
"""


def test_the_first_policy_is_made_of_its_demonstrations_and_calibrated_by_its_own_run(tmp_path, capsys):
    file = tmp_path / "tiny.yaml"
    file.write_text(RECIPE.replace("CONTRACT", str(CONFIG / "robots/push_cell.yaml")))
    pretrain(file, seed=3)
    assert "policy.safetensors: loss " in capsys.readouterr().out
    fleet = read_fleet(file)
    dataset = read_dataset(fleet.training.demonstrations, (6,), 2)
    policy, about = read_checkpoint(fleet.policy.checkpoint, CONTRACT)
    assert len(dataset) == 30
    assert about.dataset == dataset.digest
    assert (about.gradient_steps, about.policy.optimizer.batch_size, about.policy.sampler.iterations) == (5, 8, 2)
    assert (about.policy.shape.width, about.policy.shape.depth, about.policy.loss.sampler.iterations) == (8, 1, 2)
    assert about.policy.encoder == StateEncoderShape(CONTRACT.state_dim, width=8, depth=2)
    told = []
    environment = make_environment("mujoco", "block_push", CONTRACT, fleet.robots.count)
    uncertainties = run_without_teleoperation(
        environment,
        supervisors_of(fleet, 3),
        FullDecider(policy),
        fleet.allocation,
        ticks=12,
        seed=3,
        advance=lambda: told.append(len(told)),
    )
    environment.close()
    assert uncertainties.shape == (12, 3)
    assert len(told) == 12
    moving = uncertainties[~np.isnan(uncertainties)]
    assert 0 < len(moving) < uncertainties.size, "robots in violation do not count"
    assert [calibration.decider for calibration in about.calibrations] == ["full", "cascade"]
    threshold = about.threshold("full", "langevin", "jeffreys")
    assert abs(np.mean(moving <= threshold) - 0.75) <= 1 / len(moving)


def test_a_first_policy_can_be_explicit(tmp_path):
    file = tmp_path / "tiny.yaml"
    recipe = RECIPE.replace("CONTRACT", str(CONFIG / "robots/push_cell.yaml"))
    file.write_text(recipe.replace(", sampler: langevin, chains: 4, iterations: 2", ""))
    pretrain(file, seed=3, kind="explicit")
    policy, about = read_checkpoint(read_fleet(file).policy.checkpoint, CONTRACT)
    assert isinstance(policy, ExplicitPolicy)
    assert [(own.decider, own.uncertainty) for own in about.calibrations] == [("full", "variance")]
    assert about.command.endswith("--policy explicit")


def test_every_style_demonstrates_every_task_of_the_robots(tmp_path):
    fleet = read_fleet(CONFIG / "tabletop.yaml").with_changes(
        source="test", robots={"tasks": ("turn_lever", "open_drawer")}, pretraining={"pairs": 4}
    )
    demonstrations = FirstPolicy(learning_setup(fleet, ticks=0), ALGORITHMS["iifl"], 0, tmp_path).demonstrations()
    contract, (states_BS, actions_BA) = fleet.contract(), (demonstrations.observations_B, demonstrations.actions_BA)
    named = [quantity.name for quantity in contract.observation.state.quantities]
    for pair, (style, task) in enumerate(product(("left", "right"), ("turn_lever", "open_drawer"))):
        assert states_BS[pair, named.index(task)] == 1
        expected_A = make_supervisor("tabletop", style, contract, 0, 0).act(states_BS[pair])
        np.testing.assert_allclose(actions_BA[pair], expected_A, rtol=1e-5)


def test_the_same_seed_makes_the_same_policy(tmp_path):
    files = []
    for seed in (3, 3, 4):
        folder = tmp_path / str(len(files))
        folder.mkdir()
        (folder / "tiny.yaml").write_text(RECIPE.replace("CONTRACT", str(CONFIG / "robots/push_cell.yaml")))
        pretrain(folder / "tiny.yaml", seed=seed)
        files.append((folder / "made/policy.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_fleet_without_such_supervisors_is_refused(tmp_path):
    file = tmp_path / "tiny.yaml"
    text = RECIPE.replace("CONTRACT", str(CONFIG / "robots/push_cell.yaml")).replace("[clockwise, ", "[sideways, ")
    file.write_text(text)
    with pytest.raises(
        InputError, match=r"expected styles of block_push \(clockwise, counterclockwise\) or module:Class, got sideways"
    ):
        pretrain(file, seed=0)
