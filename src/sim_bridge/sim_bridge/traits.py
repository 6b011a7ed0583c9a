"""The traits of the environments of this package, as its entry points name them. Nothing here imports a simulator."""

from __future__ import annotations

from sim_bridge.environment_traits import EnvironmentTraits
from sim_bridge.metaworld import installation
from sim_bridge.metaworld import task as metaworld_task
from sim_bridge.tabletop import task as tabletop_task

FIXED_EPISODES = EnvironmentTraits(fixed_episodes=True)
TABLETOP = EnvironmentTraits(tuple(task.name for task in tabletop_task.TASKS), fixed_episodes=True)
METAWORLD = EnvironmentTraits(metaworld_task.TASKS, fixed_episodes=True, prepare=installation.prepare)
