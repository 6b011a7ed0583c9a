"""Experts for robots that nobody can script: proximal policy optimisation, by Stable-Baselines3, on the robots' own reward.

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

from fleet_contract.action import ActionKind
from fleet_supervisors.expert_network import MOST_SIGMAS, ExpertNetwork
from sim_bridge.environment import Environment


@dataclass(frozen=True)
class ExpertTraining:
    """How long and how an expert learns; sizes are those of Isaac Gym's experts, and the fleet is that of two processors."""

    frames: int
    """Control steps of all robots together."""
    robots: int = 256
    steps: int = 32
    """Control steps of every robot between two updates."""
    batch_size: int = 2048
    epochs: int = 5
    learning_rate: float = 5e-4
    """Falls to a tenth of it."""
    widths: tuple[int, ...] = (256, 128, 64)
    log_std: float = -0.5
    """Of the first actions."""
    violation_s: float = 0.0
    """What a violation costs beyond the robot's own reward: so many seconds of the pay that it is used to."""


def train_expert(
    environment: Environment,
    schooling: ExpertTraining,
    *,
    seed: int,
    curves: Path,
    advance: Callable[[int, float], None],
) -> ExpertNetwork:
    """The policy after the schooling; TensorBoard finds its curves in `curves`.

    `advance` is told the frames so far and the mean reward of the last ones, before every update.
    """
    robots = RobotsOfOneTask(environment, schooling, seed)
    fleet = VecNormalize(robots, clip_obs=MOST_SIGMAS, gamma=0.99)
    ppo = PPO(
        "MlpPolicy",
        fleet,
        n_steps=schooling.steps,
        batch_size=schooling.batch_size,
        n_epochs=schooling.epochs,
        learning_rate=lambda left: schooling.learning_rate * (0.1 + 0.9 * left),
        target_kl=0.03,
        policy_kwargs={
            "net_arch": {"pi": list(schooling.widths), "vf": list(schooling.widths)},
            "activation_fn": torch.nn.ELU,
            "log_std_init": schooling.log_std,
        },
        seed=seed,
        device="cpu",
        tensorboard_log=str(curves),
    )
    ppo.learn(schooling.frames, callback=_Told(robots, advance))
    return learned_expert(ppo, fleet)


def learned_expert(ppo: PPO, fleet: VecNormalize) -> ExpertNetwork:
    """What acts as the trained policy does at its surest."""
    actor = [*ppo.policy.mlp_extractor.policy_net.modules(), ppo.policy.action_net]
    parameters = [
        (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy())
        for layer in actor
        if isinstance(layer, torch.nn.Linear)
    ]
    statistics: Any = fleet.obs_rms
    return ExpertNetwork(statistics.mean, np.sqrt(statistics.var + fleet.epsilon), tuple(parameters))


class _Told(BaseCallback):
    def __init__(self, robots: RobotsOfOneTask, advance: Callable[[int, float], None]) -> None:
        super().__init__()
        self._robots = robots
        self._advance = advance

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._advance(self.num_timesteps, float(np.mean(self._robots.rewards)))
        self._robots.rewards.clear()


class RobotsOfOneTask(VecEnv):
    """An environment as Stable-Baselines3 sees one. A robot in violation is reset before it is looked at again."""

    def __init__(self, environment: Environment, schooling: ExpertTraining, seed: int) -> None:
        contract = environment.contract
        bounded = spaces.Box(-np.inf, np.inf, (contract.state_dim,), np.float64)
        actions = spaces.Box(
            contract.action_low_A.astype(np.float32), contract.action_high_A.astype(np.float32), dtype=np.float32
        )
        super().__init__(environment.robots, bounded, actions)
        self.rewards: list[float] = []
        """Mean over robots, since whoever reads them has cleared them."""
        self._environment = environment
        self._violation_ticks = schooling.violation_s * contract.rate_hz
        self._seed = seed
        self._actions_NA = np.zeros((environment.robots, contract.action_dim))
        self._states_NS = np.zeros((environment.robots, contract.state_dim))

    def reset(self) -> NDArray[np.float64]:
        """Begin anew."""
        self._states_NS = self._environment.reset(self._seed).states_NS
        return self._states_NS

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Take note of what to do."""
        self._actions_NA = actions.astype(np.float64)

    def step_wait(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], list[dict[str, Any]]]:
        """Do it. What was observed last before an episode ended stands for its end, which nobody sees."""
        robots = self._environment.robots
        step = self._environment.step(np.full(robots, ActionKind.MOVE), self._actions_NA)
        done_N = step.violated_N | step.episode_over_N
        infos: list[dict[str, Any]] = [{} for _ in range(robots)]
        for robot in np.flatnonzero(done_N):
            infos[robot]["terminal_observation"] = self._states_NS[robot]
            infos[robot]["TimeLimit.truncated"] = not step.violated_N[robot]
        self._states_NS = step.states_NS
        usual = float(step.rewards_N.mean())
        self.rewards.append(usual)
        pay_N = step.rewards_N - self._violation_ticks * max(usual, 0.0) * step.violated_N
        if step.violated_N.any():
            kinds_N = np.where(step.violated_N, ActionKind.HARD_RESET, ActionKind.HOLD).astype(np.int64)
            self._states_NS = self._environment.step(kinds_N, self._actions_NA).states_NS
        return self._states_NS, pay_N, done_N, infos

    def close(self) -> None:
        """Free the environment."""
        self._environment.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Nothing draws them, and they have no attributes of their own."""
        del indices
        if attr_name == "render_mode":
            return [None] * self.num_envs
        raise AttributeError(attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """They have no attributes of their own."""
        del value, indices
        raise AttributeError(attr_name)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """They have no methods of their own."""
        del method_args, indices, method_kwargs
        raise AttributeError(method_name)

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """They are not."""
        del wrapper_class, indices
        return [False] * self.num_envs
