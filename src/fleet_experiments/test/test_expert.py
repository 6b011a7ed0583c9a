"""Experts reach their stored returns, can be trained, and can be shown."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_experiments.experts.experiment import expert_return, require_benchmark, train
from fleet_experiments.experts.training import ExpertTraining, RobotsOfOneTask, learned_expert
from fleet_experiments.experts.video import FRAMES_PER_S, Performance, film, styles
from fleet_experiments.results import read_results
from fleet_supervisors.expert_network import CLIP_SIGMAS, read_expert
from sim_bridge.benchmark.expert_return import EVERY, read_expert_return
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.tasks import KINDS

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {task: read_yaml(ROBOTS / f"{task}.yaml", RobotContract) for task in KINDS}
SHORT = ExpertTraining(frames=256, robots=8, steps=8, batch_size=16, epochs=1, widths=(8, 4))


def robots(task: str, count: int) -> SimulatedFleet:
    return SimulatedFleet(KINDS[task], CONTRACTS[task], count, np.inf)


@pytest.mark.slow
@pytest.mark.parametrize("task", KINDS)
def test_experts_reach_their_stored_returns(task):
    """Compare over half an episode, from other initial states than those of the stored measurement."""
    half, stored = KINDS[task].horizon // 2, read_expert_return(task)
    measured = expert_return(task, CONTRACTS[task], episodes=20, seed=7, command="test", ticks=half)
    assert measured.mean_returns_T[-1] == pytest.approx(stored.after(half), rel=0.25)
    assert len(measured.mean_returns_T) == half // EVERY
    assert len(stored.mean_returns_T) == KINDS[task].horizon // EVERY


def test_training_writes_an_expert_a_curve_and_results(tmp_path):
    train("ant", CONTRACTS["ant"], tmp_path, training=SHORT, seed=0, command="test", experts=tmp_path)
    expert = read_expert(tmp_path / "ant.safetensors")
    assert [weights.shape for weights, _ in expert.layers] == [(8, 60), (4, 8), (8, 4)]
    rows = read_results(tmp_path).rows
    assert [row["frames"] for row in rows] == [64, 128, 192, 256]
    assert (tmp_path / "ant.png").stat().st_size > 1000
    assert list((tmp_path / "curves").rglob("events.out.tfevents.*"))


def test_a_stored_expert_acts_as_the_trained_policy():
    fleet = VecNormalize(RobotsOfOneTask(robots("anymal", 4), SHORT, 0), clip_obs=CLIP_SIGMAS)
    ppo = PPO("MlpPolicy", fleet, n_steps=8, batch_size=16, policy_kwargs={"activation_fn": torch.nn.ELU}, device="cpu")
    ppo.learn(64)
    states_NS = np.random.default_rng(0).normal(0, 3, (50, CONTRACTS["anymal"].state_dim))
    expected_NA, _ = ppo.predict(fleet.normalize_obs(states_NS), deterministic=True)
    np.testing.assert_allclose(learned_expert(ppo, fleet)(states_NS), expected_NA, atol=1e-5)


def test_a_robot_in_violation_is_reset_before_its_next_observation():
    """Compare with the same robots without the adapter, which are reset explicitly."""
    training = ExpertTraining(frames=1, violation_s=2.0)
    trained, plain = RobotsOfOneTask(robots("anymal", 32), training, 5), robots("anymal", 32)
    observed_NS, step = trained.reset(), plain.reset(5)
    rng, ended = np.random.default_rng(0), 0
    for _ in range(150):
        np.testing.assert_array_equal(observed_NS, step.states_NS)
        actions_NA = rng.uniform(-1, 1, (32, 12)).astype(np.float32)
        before_NS = observed_NS
        observed_NS, rewards_N, done_N, infos = trained.step(actions_NA)
        step = plain.step(np.full(32, ActionKind.MOVE), actions_NA.astype(float))
        np.testing.assert_array_equal(done_N, step.violated_N)
        fine_N = ~done_N
        np.testing.assert_array_equal(rewards_N[fine_N], step.rewards_N[fine_N])
        for robot in np.flatnonzero(done_N):
            cost = 2.0 * CONTRACTS["anymal"].rate_hz * step.rewards_N.mean()
            assert rewards_N[robot] == pytest.approx(step.rewards_N[robot] - cost)
            np.testing.assert_array_equal(infos[robot]["terminal_observation"], before_NS[robot])
            assert not infos[robot]["TimeLimit.truncated"]
        ended += int(done_N.sum())
        if done_N.any():
            kinds_N = np.where(done_N, ActionKind.HARD_RESET, ActionKind.HOLD)
            step = plain.step(kinds_N, actions_NA.astype(float))
    assert ended > 3


@pytest.mark.slow
@pytest.mark.parametrize("task", KINDS)
def test_a_video_shows_the_expert_at_work(task, tmp_path):
    film(Performance(task, styles(task)[-1], CONTRACTS[task], 0), 1.0, tmp_path / "video.mp4")
    with av.open(tmp_path / "video.mp4") as container:
        frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)]
    assert len(frames) == FRAMES_PER_S
    assert all(frame.std() > 10 for frame in frames), "the frames show something"
    assert np.abs(frames[-1] - frames[0]).max() > 50, "and the robot moves"


def test_only_tasks_of_the_benchmark_have_experts():
    with pytest.raises(
        InputError, match=r"^ENV: expected one of ball_balance, ant, anymal, franka_cube_stack, got block_push"
    ):
        require_benchmark("block_push")
