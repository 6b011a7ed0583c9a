"""What all algorithms of an experiment share.

N robots, M supervisors, T ticks.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet_contract.fleet import AllocationConfig, numbered
from fleet_contract.robot import RobotContract, Stream
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import Scaling
from fleet_supervisors.supervisors import make_supervisor
from fleet_training.algorithms import Algorithm
from iifl_policy.explicit import ExplicitConfig, ExplicitPolicy, new_explicit
from iifl_policy.implicit import ImplicitConfig, ImplicitPolicy, new_implicit
from sim_bridge.backends import make_environment
from sim_bridge.environment import Environment
from teleop_gui.supervisor import ScriptedSupervisor, Supervisor


@dataclass(frozen=True)
class Setting:
    """A fleet, its humans, and how much is learned when."""

    env: str
    """What rows of results call it."""
    backend: str
    task: str
    """Where the fleet works."""
    demonstration_task: str
    """Where the demonstrations are given."""
    contract: RobotContract
    episode_ticks: int | None
    """Length of an attempt, where it is not the task's own."""
    robots: int
    """N."""
    supervisors: int
    """M."""
    styles: tuple[str, ...]
    """Behaviours of the supervisors, given to them in turn."""
    ticks: int
    """T."""
    demonstrations: int
    """Whole episodes, or pairs."""
    whole_episodes: bool
    """Which of both is counted."""
    demonstration_noise: float
    """Of pairs; see `demonstrate`."""
    stream: Stream
    """What policies decide from."""
    pretraining_steps: int
    """Gradient steps on the demonstrations."""
    update_ticks: tuple[int, ...]
    """Ticks, counted from 1, after which policies that learn at intervals do so."""
    online_steps: int
    """Gradient steps while the fleet works, the same for all algorithms that learn then."""
    calibration_ticks: int
    """Length of the run without teleoperation from whose uncertainties the threshold comes."""
    calibration_percentile: float
    threshold: float | None
    """Of uncertainty, where it is not calibrated."""
    idle_humans: bool
    """Whether humans may be idle when nobody asks; otherwise all teleoperate at every tick."""
    budget_per_tick: float
    """Mean number of busy humans under random allocation."""
    intervention_ticks: int
    """t_T."""
    hard_reset_ticks: int
    """t_R."""
    implicit: ImplicitConfig
    explicit: ExplicitConfig

    def allocation(self, order: str, threshold: float) -> AllocationConfig:
        """Who gets the humans."""
        idle_humans = self.idle_humans or order == "C"
        return AllocationConfig(
            order=order,
            threshold=threshold,
            idle_humans=idle_humans,
            intervention_ticks=self.intervention_ticks,
            hard_reset_ticks=self.hard_reset_ticks,
            budget_per_tick=self.budget_per_tick if order == "random" and idle_humans else None,
        )

    def make_environment(self, task: str, robots: int) -> Environment:
        """This many robots at the task."""
        return make_environment(self.backend, task, self.contract, robots, self.episode_ticks)

    def make_supervisor(self, task: str, seed: int, index: int) -> ScriptedSupervisor:
        """The scripted supervisor with this index."""
        return make_supervisor(task, self.styles[index % len(self.styles)], self.contract, seed, index)

    def make_supervisors(self, seed: int) -> dict[str, Supervisor]:
        """All supervisors of the fleet by name."""
        names = numbered("human", self.supervisors)
        return {name: self.make_supervisor(self.task, seed, index) for index, name in enumerate(names)}

    def new_policy(self, algorithm: Algorithm, scaling: Scaling, seed: int) -> ExplicitPolicy | ImplicitPolicy:
        """The algorithm's policy, which has learned nothing."""
        generator = torch_generator(seed)
        if algorithm.policy == "explicit":
            return new_explicit(self.explicit, scaling, generator)
        return new_implicit(self.implicit, scaling, generator)

    def steps_after(self, algorithm: Algorithm, tick: int) -> int:
        """Gradient steps that are due when a tick, counted from 1, is over."""
        schedules = {"never": (), "every tick": range(1, self.ticks + 1), "at intervals": self.update_ticks}
        updates = schedules[algorithm.updates]
        if tick not in updates:
            return 0
        # No step is lost where the steps do not divide evenly.
        before = updates.index(tick)
        return self.online_steps * (before + 1) // len(updates) - self.online_steps * before // len(updates)
