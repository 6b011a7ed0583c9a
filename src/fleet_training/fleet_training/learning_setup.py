"""What all algorithms of an experiment share: the fleet, and how its policies learn.

T ticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from fleet_contract.fleet import AllocationConfig, Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.signal import UNCERTAINTY
from fleet_learning.randomness import torch_generator
from fleet_learning.resume_file import resume_key
from fleet_learning.scaling import Scaling
from fleet_learning.uncertainty_kinds import require_uncertainty, uncertainty_of
from fleet_supervisors.supervisors import make_supervisor
from fleet_training.algorithms import RESETS_ONLY, Algorithm
from fleet_training.policy_configs import explicit_config, implicit_config
from iifl_policy.explicit import ExplicitConfig, ExplicitPolicy, new_explicit
from iifl_policy.implicit import ImplicitConfig, ImplicitPolicy, new_implicit
from sim_bridge.backends import make_environment
from sim_bridge.environment import Environment
from teleop_gui.supervisor import ScriptedSupervisor, Supervisor

IRRELEVANT: Mapping[str, set[str] | bool] = {
    "environment": {"gateways", "program", "bag", "speed"},
    "supervisors": {"operators", "patience_s"},
    "tick": True,
    "recording": True,
    "monitors": True,
}
"""Keys of a fleet file on which experiments do not depend: where files are, how nodes run and record, and how policies are deployed.
Experiments decide fully in float32, with the sampler of the policy's config."""
IRRELEVANT_OF_ROBOTS = {"contract"}
"""The same for the robots' keys. Tasks that are not chosen are left out as well, so that stored runs of earlier versions resume."""
IRRELEVANT_OF_TRAINING = {"demonstrations"}
"""The same for the training's keys. The uniform weighting is left out as well, so that stored runs of earlier versions resume."""
IRRELEVANT_OF_POLICY = {"checkpoint", "decider", "sampler", "step_sizes", "precision"}
"""The same for the policy's keys. A key that is null is left out as well, so that stored runs of earlier versions resume."""


@dataclass(frozen=True)
class LearningSetup:
    """A fleet file, and what of an experiment it does not say."""

    fleet: Fleet
    contract: RobotContract
    ticks: int
    """T, the length of the run."""
    implicit: ImplicitConfig
    explicit: ExplicitConfig
    demonstration_task: str
    """The task that is demonstrated, and in which the uncertainty threshold is calibrated."""
    demonstrated_episodes: int | None = None
    """Number of whole episodes that are demonstrated; None: `pretraining.pairs` pairs are."""
    random_budget_per_tick: float = 0.0
    """Mean number of busy humans under random allocation."""

    def with_fleet(self, **sections: Any) -> Self:
        """Return the same setup with some keys of its fleet file changed; see `Fleet.with_changes`."""
        return replace(self, fleet=self.fleet.with_changes(source=self.fleet.fleet, **sections))

    @property
    def key(self) -> str:
        """A digest of everything that a run of this setup depends on."""
        fleet = self.fleet
        irrelevant = {
            **IRRELEVANT,
            "robots": IRRELEVANT_OF_ROBOTS | ({"tasks"} if not fleet.robots.tasks else set()),
            "training": IRRELEVANT_OF_TRAINING | ({"weighting"} if fleet.training.weighting == "uniform" else set()),
            "policy": IRRELEVANT_OF_POLICY | ({"uncertainty"} if fleet.policy.uncertainty is None else set()),
        }
        return resume_key(
            fleet.model_dump_json(exclude=irrelevant),
            self.contract.model_dump_json(),
            self.ticks,
            self.implicit,
            self.explicit,
            self.demonstration_task,
            self.demonstrated_episodes,
            self.random_budget_per_tick,
        )

    def allocation(self, algorithm: Algorithm, threshold: float) -> AllocationConfig:
        """Return the fleet's allocation with the algorithm's rule, and a threshold in the policy's unit of uncertainty."""
        allocation = self.fleet.allocation
        idle_humans = allocation.idle_humans or algorithm.order == RESETS_ONLY
        budgeted = algorithm.rule == "random" and idle_humans
        return allocation.model_copy(
            update={
                "rule": algorithm.rule,
                "order": algorithm.order,
                "thresholds": {UNCERTAINTY: threshold},
                "idle_humans": idle_humans,
                "options": {"budget_per_tick": self.random_budget_per_tick} if budgeted else {},
            }
        )

    def make_environment(self, task: str, robots: int) -> Environment:
        """Make an environment with this many of the fleet's robots."""
        environment, tasks = self.fleet.environment, self.fleet.robots.tasks
        return make_environment(environment.backend, task, self.contract, robots, environment.episode_ticks, tasks)

    def make_supervisor(self, task: str, seed: int, index: int) -> ScriptedSupervisor:
        """Make the scripted supervisor with this index."""
        return make_supervisor(task, self.fleet.style_of(index), self.contract, seed, index)

    def make_supervisors(self, seed: int) -> dict[str, Supervisor]:
        """Make all supervisors of the fleet, by name."""
        task = self.fleet.environment.task
        return {name: self.make_supervisor(task, seed, index) for index, name in enumerate(self.fleet.supervisor_names)}

    def new_policy(self, algorithm: Algorithm, scaling: Scaling, seed: int) -> ExplicitPolicy | ImplicitPolicy:
        """Make the algorithm's policy with initial weights and the fleet's uncertainty.

        Raises:
            InputError: the uncertainty does not exist, or is not defined for this policy.
        """
        generator, name = torch_generator(seed), self.fleet.policy.uncertainty
        policy: ExplicitPolicy | ImplicitPolicy = (
            new_explicit(self.explicit, scaling, generator)
            if algorithm.policy == "explicit"
            else new_implicit(self.implicit, scaling, generator)
        )
        if name is None:
            return policy
        require_uncertainty(name, policy)
        return policy.with_uncertainty(uncertainty_of(name))

    @property
    def online_steps(self) -> int:
        """Gradient steps while the fleet works: the same number for all algorithms that learn then."""
        return self.fleet.training.gradient_steps * len(self.fleet.training.update_ticks)

    def steps_after(self, algorithm: Algorithm, tick: int) -> int:
        """Return the gradient steps that are due when a tick, counted from 1, is over."""
        schedules = {
            "never": (),
            "every tick": range(1, self.ticks + 1),
            "at intervals": self.fleet.training.update_ticks,
        }
        updates = schedules[algorithm.updates]
        if tick not in updates:
            return 0
        # No step is lost where the steps do not divide evenly.
        before = updates.index(tick)
        return self.online_steps * (before + 1) // len(updates) - self.online_steps * before // len(updates)


def learning_setup(fleet: Fleet, *, ticks: int) -> LearningSetup:
    """Return the setup of a run of this fleet.

    Raises:
        InputError: the robots' contract cannot be used.
    """
    contract = fleet.contract()
    return LearningSetup(
        fleet,
        contract,
        ticks,
        implicit_config(fleet, contract),
        explicit_config(fleet, contract),
        demonstration_task=fleet.environment.task,
        random_budget_per_tick=fleet.allocation.options.get("budget_per_tick") or fleet.supervisors.count / 2,
    )
