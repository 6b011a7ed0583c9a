"""The first monitor of a fleet: it learns from what the first policy does without teleoperation."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fleet_learning.attempts import Attempts
from fleet_learning.full_decider import FULL
from fleet_learning.policy import Policy
from fleet_learning.robot_steps import RobotSteps
from fleet_monitor.episode import Episode
from fleet_monitor.monitor import FIREWORK, Monitor
from fleet_monitor.world_model import SMALL, WorldModelConfig
from fleet_training.calibration import resets_only
from fleet_training.first_policy import OnProgress
from fleet_training.fleet_loop import FleetLoop
from fleet_training.learning_setup import LearningSetup
from fleet_training.monitor_training import DYNAMICS_STEPS, MonitorTraining


@dataclass(frozen=True)
class FirstMonitor:
    """How the first monitor is made."""

    ticks: int = 1000
    """Length of the run without teleoperation, ticks."""
    world_model: WorldModelConfig = SMALL
    """Size of the world model; robots have no camera, and their states no autoencoder."""
    dynamics_steps: int = DYNAMICS_STEPS
    """Gradient steps of the world model."""

    def make(self, setup: LearningSetup, policy: Policy, folder: Path, seed: int, advance: OnProgress) -> Monitor:
        """Return FIREWORK's monitor of a fleet with this policy, and write it into the folder.

        A detector is left out if the run does not suffice for it: where the policy hardly fails, there is nothing to learn failures
        from, and where it always fails, nothing to call normal.

        Raises:
            InputError: no episode is long enough, or the folder holds another training.
        """
        training = MonitorTraining(setup.contract, folder, seed, self.world_model, dynamics_steps=self.dynamics_steps)
        return training.monitor(self._episodes(setup, policy, seed, advance), FIREWORK, advance, optional=True)

    def _episodes(self, setup: LearningSetup, policy: Policy, seed: int, advance: OnProgress) -> list[Episode]:
        """Return the episodes that end while humans give hard resets only, in the task in which thresholds are calibrated."""
        fleet = setup.fleet
        steps = RobotSteps(fleet.robots.count)
        with closing(setup.make_environment(setup.demonstration_task, fleet.robots.count)) as environment:
            loop = FleetLoop(
                environment,
                setup.make_supervisors(seed),
                policy.decider(FULL, humans=fleet.supervisors.count, threshold=-math.inf),
                resets_only(fleet.allocation),
                seed,
            )
            loop.collect_into(steps, "state")
            for done in range(1, self.ticks + 1):
                loop.tick()
                advance("episodes for the monitor", done, self.ticks)
        return [
            Episode(fleet.tasks[attempt.robot], attempt.observations_F, attempt.events)
            for attempt in Attempts().ended(steps.take_between(0, self.ticks))
        ]


FIRST_MONITOR = FirstMonitor()
"""How experiments make it."""
