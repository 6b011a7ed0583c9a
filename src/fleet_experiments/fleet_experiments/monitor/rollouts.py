"""Runs robots for a number of episodes each, and keeps what monitors and policies learn from.

N robots, F frames of an episode, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.metrics import Metrics
from fleet_contract.action import ActionSource
from fleet_contract.fleet import AllocationConfig
from fleet_contract.signal import UNCERTAINTY
from fleet_learning.full_decider import FullDecider
from fleet_learning.labels import EpisodeEvents
from fleet_learning.policy import Policy
from fleet_learning.signal_provider import SignalProvider
from fleet_monitor.episode import Episode
from fleet_training.fleet_loop import FleetLoop
from fleet_training.learning_setup import LearningSetup

HUMANS = 11
"""Humans of twelve robots. As in the paper there is nearly always one, so that monitors differ in whom they call, not in who waits."""


@dataclass(frozen=True)
class Rollout:
    """One episode of one robot."""

    episode: Episode
    states_FS: NDArray[np.float64]
    actions_FA: NDArray[np.float64]
    """Actions that the robot carried out."""
    uncertainties_F: NDArray[np.float64]
    """Uncertainties of the policy, in its unit."""


@dataclass(frozen=True)
class Rollouts:
    """Episodes of all robots, equally many of each."""

    rollouts: list[Rollout]
    human_actions: int
    """Teleoperation and hard resets, ticks, also after a robot's last episode."""
    robot_ticks: int

    @property
    def episodes(self) -> list[Episode]:
        """The episodes alone."""
        return [rollout.episode for rollout in self.rollouts]

    @property
    def success(self) -> float:
        """Share of the episodes that succeeded, with or without a human."""
        return float(np.mean([episode.events.end == "success" for episode in self.episodes]))

    @property
    def human_share(self) -> float:
        """Share of the episodes' frames at which a human drove."""
        return float(np.concatenate([episode.events.human_T for episode in self.episodes]).mean())


@dataclass
class _Running:
    """The episode of one robot so far."""

    images: list[NDArray[np.uint8]] = field(default_factory=list)
    states: list[NDArray[np.float64]] = field(default_factory=list)
    actions: list[NDArray[np.float64]] = field(default_factory=list)
    uncertainties: list[float] = field(default_factory=list)
    human: list[bool] = field(default_factory=list)

    def finished(self, task: str, end: Literal["success", "failure"]) -> Rollout:
        events = EpisodeEvents(np.array(self.human), np.zeros(len(self.human), dtype=bool), end)
        return Rollout(
            Episode(task, np.stack(self.images), events),
            np.stack(self.states),
            np.stack(self.actions),
            np.array(self.uncertainties),
        )


def roll_out(
    setup: LearningSetup,
    policy: Policy,
    order: tuple[str, ...],
    *,
    episodes: int,
    seed: int,
    thresholds: Mapping[str, float] | None = None,
    providers: Sequence[SignalProvider] = (),
    advance: Callable[[int, int], None] = lambda *_: None,
) -> Rollouts:
    """Run every robot of the fleet for the same number of episodes; short ones are not more frequent than long ones.

    Args:
        setup: the fleet.
        policy: drives the robots.
        order: signals that call humans.
        episodes: number of episodes of every robot.
        seed: seed of robots, humans and tie-breaking.
        thresholds: thresholds of the policy's own signals.
        providers: monitors.
        advance: called with the number of finished episodes and their total.
    """
    fleet = setup.fleet
    allocation = AllocationConfig(
        order=order,
        thresholds=dict(thresholds or {}),
        intervention_ticks=fleet.allocation.intervention_ticks,
        hard_reset_ticks=fleet.allocation.hard_reset_ticks,
    )
    names = [f"human_{human + 1:02d}" for human in range(HUMANS)]
    supervisors = {name: setup.make_supervisor(fleet.environment.task, seed, human) for human, name in enumerate(names)}
    with closing(setup.make_environment(fleet.environment.task, fleet.robots.count)) as environment:
        loop = FleetLoop(environment, supervisors, FullDecider(policy), allocation, seed, providers)
        metrics = Metrics(loop.robots, tuple(names))
        running = [_Running() for _ in loop.robots]
        done: list[list[Rollout]] = [[] for _ in loop.robots]
        ticks = 0
        while min(map(len, done)) < episodes:
            images_N = environment.images()
            tick = loop.tick()
            metrics.add(tick.table, tick.violated_N, tick.step.succeeded_N)
            ticks += 1
            for robot in np.flatnonzero(~tick.violated_N).tolist():
                own, action = running[robot], tick.actions[robot]
                own.images.append(images_N[robot])
                own.states.append(tick.states_NS[robot])
                own.actions.append(np.array(action.values))
                own.uncertainties.append(float(tick.signals[UNCERTAINTY][robot]))
                own.human.append(action.source is ActionSource.HUMAN)
                failed = tick.step.violated_N[robot] or tick.step.truncated_N[robot]
                if failed or tick.step.succeeded_N[robot]:
                    if len(done[robot]) < episodes:
                        done[robot].append(own.finished(fleet.tasks[robot], "failure" if failed else "success"))
                        advance(sum(map(len, done)), episodes * len(done))
                    running[robot] = _Running()
    rollouts = [rollout for own in done for rollout in own]
    return Rollouts(rollouts, metrics.human_actions, ticks * len(loop.robots))
