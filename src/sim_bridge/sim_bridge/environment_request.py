"""A request for an environment: what the entry points of the group `fleet.environments` are called with."""

from __future__ import annotations

from dataclasses import dataclass

from fleet_contract.robot import RobotContract


@dataclass(frozen=True)
class EnvironmentRequest:
    """What an environment is made for."""

    task: str
    """Task of the robots, as `environment.task` names it."""
    contract: RobotContract
    """Contract of the robots. An environment refuses a contract that is not that of its task."""
    robots: int
    """N, number of robots."""
    episode_ticks: int | None = None
    """Ticks after which an episode is truncated; None: the task's own number."""
    tasks: tuple[str, ...] = ()
    """Tasks of the robots, assigned to them in turn, as `robots.tasks` lists them; empty where the environment has only one."""
