"""Runs one algorithm with one setup and seed: demonstrations, pretraining, calibration, and the ticks of the fleet.

N robots, T ticks, S state dim, A action dim.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from fleet_allocator.effort import return_on_human_effort
from fleet_allocator.metrics import Metrics
from fleet_contract.validation import InputError
from fleet_experiments.fleet.run_monitor import FOLDER, RunMonitor
from fleet_experiments.fleet.task_digest import task_digest
from fleet_experiments.results import Row, run_of
from fleet_learning.curves import OnStepFrom, curves
from fleet_learning.dataset import Dataset
from fleet_learning.policy import Decider, Decision, Policy
from fleet_learning.policy_state import policy_from_state, state_tensors
from fleet_learning.resume_file import ResumeFile, resume_key
from fleet_learning.training_set import TrainingSet
from fleet_monitor.monitor import read_monitor
from fleet_training.algorithms import Algorithm
from fleet_training.first_monitor import FIRST_MONITOR, FirstMonitor
from fleet_training.first_policy import FirstPolicy, OnProgress
from fleet_training.fleet_loop import FleetLoop
from fleet_training.learning_setup import LearningSetup
from fleet_training.monitor_training import MONITOR
from sim_bridge.environment import Environment

SAVE_EVERY_TICKS = 100
"""Ticks between two writes of the resume file."""
CHECKPOINT, DEMONSTRATIONS = "start.safetensors", "demonstrations.npz"
"""Files in the run's folder with the policy and the demonstrations that the fleet starts with."""
RUNNING = "running the fleet"
"""Stage of the run in progress reports."""


@dataclass
class RecordedPolicy(Decider):
    """A policy that repeats its recorded decisions, and then makes and records new ones."""

    policy: Policy
    decisions: list[Decision]
    """Decisions of all ticks so far."""
    tick: int = 0
    """Tick of the next decision."""

    @override
    def decide(
        self, observations_N: NDArray[np.generic], robots: Sequence[int], generator: torch.Generator
    ) -> Decision:
        if self.tick == len(self.decisions):
            self.decisions.append(self.policy.decide(observations_N, generator))
        self.tick += 1
        return self.decisions[self.tick - 1]


@dataclass(frozen=True)
class TickCounts:
    """The counts of a run per tick."""

    successes_T: NDArray[np.int64]
    """Number of completed tasks."""
    hard_resets_T: NDArray[np.int64]
    """Number of new violations, each of which needs a hard reset."""
    human_actions_T: NDArray[np.int64]
    """Number of busy humans."""

    def write(self, path: Path) -> None:
        """Write the counts into an .npz file."""
        np.savez_compressed(path, **vars(self))


def read_tick_counts(path: Path) -> TickCounts:
    """Return the counts that `TickCounts.write` wrote.

    Raises:
        InputError: the file is missing or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return TickCounts(**arrays)
    except (OSError, EOFError, ValueError, TypeError, BadZipFile) as error:
        raise InputError(f"{path}: expected the counts of a run, got a file that cannot be read ({error}).") from None


@dataclass(frozen=True)
class Outcome:
    """The results of one run."""

    row: Row
    tick_counts: TickCounts
    policy: Policy
    """The policy at the end of the run."""
    demonstrations: Dataset
    algorithm: Algorithm
    """The algorithm of the run, with those detectors that its first monitor has."""


class FleetRun:
    """A run that resumes where it was interrupted.

    The resume file is small: it holds the decisions so far and the policy. A resumed run replays the recorded decisions from the
    start, which restores the states of simulation, humans and allocation.
    """

    def __init__(
        self,
        setup: LearningSetup,
        algorithm: Algorithm,
        seed: int,
        folder: Path,
        on_progress: OnProgress = lambda *_: None,
        first_monitor: FirstMonitor = FIRST_MONITOR,
    ) -> None:
        """Prepare a run in its own, existing folder, which also gets the TensorBoard curves of all trainings.

        Args:
            setup: the fleet.
            algorithm: the algorithm.
            seed: seed of all randomness.
            folder: the folder.
            on_progress: called with the progress.
            first_monitor: how the monitor is made, if the algorithm has detectors.
        """
        self._folder = folder
        self._setup = setup
        self._algorithm = algorithm
        self._seed = seed
        self._first = FirstPolicy(setup, algorithm, seed, folder, on_progress)
        self._first_monitor = first_monitor
        parts = setup.key, algorithm, seed, task_digest(setup.fleet.environment.task)
        # Without a monitor as in earlier versions, so that stored runs resume.
        monitored = (first_monitor,) if algorithm.detectors else ()
        self._resume_file = ResumeFile(folder / "run.safetensors", resume_key(*parts, *monitored))
        self._on_progress = on_progress

    def run(self) -> Outcome:
        """Run to the end.

        Raises:
            InputError: the folder holds another run.
        """
        setup = self._setup
        saved = self._resume_file.read()
        with curves(self._folder / "curves") as on_step_from:
            if saved:
                demonstrations = self._first.demonstrations()
                policy, threshold, decisions = _from_state(saved, self._first.untrained(demonstrations))
            else:
                start = self._first.start(on_step_from(0))
                command = f"{setup.fleet.fleet} {self._algorithm.name} seed {self._seed}"
                start.write(self._folder / CHECKPOINT, self._folder / DEMONSTRATIONS, setup.contract, command)
                demonstrations, policy, threshold, decisions = start.demonstrations, start.policy, start.threshold, []
                shutil.rmtree(self._folder / FOLDER, ignore_errors=True)
                self._resume_file.write(_state(RecordedPolicy(policy, []), threshold, None))
            monitor = self._monitor(policy, saved)
            with closing(setup.make_environment(setup.fleet.environment.task, setup.fleet.robots.count)) as environment:
                return self._run_fleet(
                    environment, RecordedPolicy(policy, decisions), monitor, threshold, demonstrations, on_step_from
                )

    def _monitor(self, policy: Policy, saved: Mapping[str, Tensor]) -> RunMonitor | None:
        """Return the monitor, if the algorithm has one that could be made; the policy is the first one if it is still to be made."""
        if not self._algorithm.detectors:
            return None
        folder, setup = self._folder / FOLDER, self._setup
        if not (folder / MONITOR).exists():
            folder.mkdir(exist_ok=True)
            self._first_monitor.make(setup, policy, folder, self._seed, self._on_progress)
        made, _ = read_monitor(folder / MONITOR, setup.contract)
        return RunMonitor(setup.fleet, made.kinds, self._folder, self._seed, saved) if made.kinds else None

    def _run_fleet(
        self,
        environment: Environment,
        policy: RecordedPolicy,
        monitor: RunMonitor | None,
        threshold: float,
        demonstrations: Dataset,
        on_step_from: OnStepFrom,
    ) -> Outcome:
        setup, replayed = self._setup, len(policy.decisions)
        algorithm = self._algorithm.with_detectors(monitor.kinds if monitor else ())
        supervisors, training = setup.make_supervisors(self._seed), setup.fleet.training
        allocation, providers = setup.allocation(algorithm, threshold), [monitor.signals] if monitor else []
        loop = FleetLoop(environment, supervisors, policy, allocation, self._seed, providers)
        metrics = Metrics(loop.robots, tuple(supervisors))
        training_set, since = TrainingSet(demonstrations, setup.fleet.robots.count, training.weighting), 0
        reward, counts = 0.0, []
        loop.collect_into(training_set.join, policy.policy.observes)
        if monitor:
            loop.collect_into(monitor.join, monitor.signals.observes)
        for done in range(1, setup.ticks + 1):
            tick = loop.tick()
            metrics.add(tick.table, tick.violated_N, tick.step.succeeded_N)
            new_violations = int((tick.step.violated_N & ~tick.violated_N).sum())
            counts.append((int(tick.step.succeeded_N.sum()), new_violations, len(tick.table.leases)))
            reward += tick.step.rewards_N.sum()
            steps = setup.steps_after(algorithm, done)
            if steps or done == setup.ticks:
                training_set.add_round(since, done)
                if monitor and done < setup.ticks:
                    monitor.learn(since, done)
                since = done
            if steps and done > replayed:
                before = policy.policy
                on_step = on_step_from(before.optimizer_state.steps)
                policy.policy = before.fit(training_set.pairs, steps=steps, seed=self._seed, on_step=on_step).policy
            if done > replayed and done % SAVE_EVERY_TICKS == 0:
                self._resume_file.write(_state(policy, threshold, monitor))
            self._on_progress(RUNNING, done, setup.ticks)
        successes = int(loop.tally.successes_N.sum())
        effort = {"robots": setup.fleet.robots.count, "human_actions": metrics.human_actions}
        row: Row = {
            **run_of(setup.fleet.fleet, algorithm.name, self._seed, setup.fleet.environment.task),
            "successes": successes,
            "hard_resets": int(loop.tally.hard_resets_N.sum()),
            "human_actions": metrics.human_actions,
            "teleoperation_ticks": int(metrics.teleoperation_ticks_M.sum()),
            "idle_ticks": int(metrics.idle_ticks_N.sum()),
            "switches": int(metrics.switches_M.sum()),
            "rohe": return_on_human_effort(**effort, supervisors=setup.fleet.supervisors.count, reward=successes),
            "reward": float(reward),
            "threshold": threshold,
            "pairs": len(training_set.pairs),
        }
        if self._algorithm.detectors:
            row["monitor"] = " ".join(algorithm.detectors) or "none"
        columns_3T = np.array(counts, dtype=np.int64).reshape(-1, 3).T
        return Outcome(row, TickCounts(*columns_3T), policy.policy, demonstrations, algorithm)


def _state(policy: RecordedPolicy, threshold: float, monitor: RunMonitor | None) -> dict[str, Tensor]:
    decisions = policy.decisions
    return {
        "threshold": torch.tensor(threshold, dtype=torch.float64),
        "actions_TNA": torch.from_numpy(np.array([decision.actions_NA for decision in decisions])),
        "uncertainties_TN": torch.from_numpy(np.array([decision.uncertainties_N for decision in decisions])),
        **state_tensors(policy.policy, "policy."),
        **(monitor.tensors() if monitor else {}),
    }


def _from_state(saved: dict[str, Tensor], untrained: Policy) -> tuple[Policy, float, list[Decision]]:
    decisions = [
        Decision(actions_NA, uncertainties_N, np.zeros_like(uncertainties_N))
        for actions_NA, uncertainties_N in zip(
            saved["actions_TNA"].numpy(), saved["uncertainties_TN"].numpy(), strict=True
        )
    ]
    return policy_from_state(untrained, saved, "policy."), saved["threshold"].item(), decisions
