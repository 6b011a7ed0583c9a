"""Trains experts for robots that are hard to script, by PPO from Stable-Baselines3 on the robots' own reward.

N robots, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from typing_extensions import override

from fleet_contract.action import ActionKind
from fleet_supervisors.expert_network import CLIP_SIGMAS, ExpertNetwork
from sim_bridge.environment import Environment


@dataclass(frozen=True)
class ExpertTraining:
    """Hyperparameters of an expert's training. Network sizes are those of Isaac Gym's experts; the fleet fits two processors."""

    frames: int
    """Control steps of all robots together."""
    robots: int = 256
    steps: int = 32
    """Control steps of every robot between two updates."""
    batch_size: int = 2048
    epochs: int = 5
    learning_rate: float = 5e-4
    """Initial learning rate, which decays linearly to a tenth."""
    widths: tuple[int, ...] = (256, 128, 64)
    log_std: float = -0.5
    """Initial logarithm of the actions' standard deviation."""
    violation_s: float = 0.0
    """Penalty of a violation in addition to the robot's own reward, as seconds of the robots' mean reward."""


def train_expert(
    environment: Environment,
    training: ExpertTraining,
    *,
    seed: int,
    curves: Path,
    on_update: Callable[[int, float], None],
) -> ExpertNetwork:
    """Train and return an expert; TensorBoard curves are written to `curves`.

    `on_update` is called before every update with the number of frames so far and the mean reward of the last ones.
    """
    robots = RobotsOfOneTask(environment, training, seed)
    fleet = VecNormalize(robots, clip_obs=CLIP_SIGMAS, gamma=0.99)
    ppo = PPO(
        "MlpPolicy",
        fleet,
        n_steps=training.steps,
        batch_size=training.batch_size,
        n_epochs=training.epochs,
        learning_rate=lambda remaining: training.learning_rate * (0.1 + 0.9 * remaining),
        target_kl=0.03,
        policy_kwargs={
            "net_arch": {"pi": list(training.widths), "vf": list(training.widths)},
            "activation_fn": torch.nn.ELU,
            "log_std_init": training.log_std,
        },
        seed=seed,
        device="cpu",
        tensorboard_log=str(curves),
    )
    ppo.learn(training.frames, callback=_UpdateCallback(robots, on_update))
    return learned_expert(ppo, fleet)


def learned_expert(ppo: PPO, fleet: VecNormalize) -> ExpertNetwork:
    """Return a network that acts as the trained policy does without noise."""
    actor = [*ppo.policy.mlp_extractor.policy_net.modules(), ppo.policy.action_net]
    parameters = [
        (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy())
        for layer in actor
        if isinstance(layer, torch.nn.Linear)
    ]
    statistics: Any = fleet.obs_rms
    return ExpertNetwork(statistics.mean, np.sqrt(statistics.var + fleet.epsilon), tuple(parameters))


class _UpdateCallback(BaseCallback):
    def __init__(self, robots: RobotsOfOneTask, on_update: Callable[[int, float], None]) -> None:
        super().__init__()
        self._robots = robots
        self._on_update = on_update

    @override
    def _on_step(self) -> bool:
        return True

    @override
    def _on_rollout_end(self) -> None:
        self._on_update(self.num_timesteps, float(np.mean(self._robots.rewards)))
        self._robots.rewards.clear()


class RobotsOfOneTask(VecEnv):
    """Adapts an environment to Stable-Baselines3. A robot in violation is hard reset before its next observation."""

    def __init__(self, environment: Environment, training: ExpertTraining, seed: int) -> None:
        contract = environment.contract
        bounded = spaces.Box(-np.inf, np.inf, (contract.state_dim,), np.float64)
        actions = spaces.Box(
            contract.action_low_A.astype(np.float32), contract.action_high_A.astype(np.float32), dtype=np.float32
        )
        super().__init__(environment.robots, bounded, actions)
        self.rewards: list[float] = []
        """Mean rewards over robots; the reader clears the list."""
        self._environment = environment
        self._violation_ticks = training.violation_s * contract.rate_hz
        self._seed = seed
        self._actions_NA = np.zeros((environment.robots, contract.action_dim))
        self._states_NS = np.zeros((environment.robots, contract.state_dim))

    @override
    def reset(self) -> NDArray[np.float64]:
        self._states_NS = self._environment.reset(self._seed).states_NS
        return self._states_NS

    @override
    def step_async(self, actions: NDArray[np.float32]) -> None:
        self._actions_NA = actions.astype(np.float64)

    @override
    def step_wait(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], list[dict[str, Any]]]:
        """Take the step. The last observation before an episode's end replaces its terminal one, which robots do not report."""
        robots = self._environment.robots
        step = self._environment.step(np.full(robots, ActionKind.MOVE), self._actions_NA)
        done_N = step.violated_N | step.episode_over_N
        infos: list[dict[str, Any]] = [{} for _ in range(robots)]
        for robot in np.flatnonzero(done_N):
            infos[robot]["terminal_observation"] = self._states_NS[robot]
            infos[robot]["TimeLimit.truncated"] = not step.violated_N[robot]
        self._states_NS = step.states_NS
        mean_reward = float(step.rewards_N.mean())
        self.rewards.append(mean_reward)
        penalized_N = step.rewards_N - self._violation_ticks * max(mean_reward, 0.0) * step.violated_N
        if step.violated_N.any():
            kinds_N = np.where(step.violated_N, ActionKind.HARD_RESET, ActionKind.HOLD).astype(np.int64)
            self._states_NS = self._environment.step(kinds_N, self._actions_NA).states_NS
        return self._states_NS, penalized_N, done_N, infos

    @override
    def close(self) -> None:
        self._environment.close()

    @override
    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return None for `render_mode`; single robots have no other attributes."""
        del indices
        if attr_name == "render_mode":
            return [None] * self.num_envs
        raise AttributeError(attr_name)

    @override
    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raise an AttributeError: single robots have no attributes."""
        del value, indices
        raise AttributeError(attr_name)

    @override
    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Raise an AttributeError: single robots have no methods."""
        del method_args, indices, method_kwargs
        raise AttributeError(method_name)

    @override
    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Return False for every robot."""
        del wrapper_class, indices
        return [False] * self.num_envs
