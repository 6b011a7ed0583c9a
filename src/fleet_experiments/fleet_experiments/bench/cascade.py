"""Benchmarks the cascade: its duration per tick, and whether it finds the most uncertain robots of the full estimate.

T ticks, N robots, S state dim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import MofNCompleteColumn, Progress
from typing_extensions import override

from fleet_contract.fleet import Fleet
from fleet_contract.validation import InputError
from fleet_experiments.bench.drifting_stream import DriftingTask, DriftTraining
from fleet_experiments.bench.stopwatch import Stopwatch, percentiles
from fleet_experiments.results import Results, Row, new_results, run_of
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.deployment import with_policy
from fleet_learning.policy import Decider, Decision
from fleet_learning.precision import native_precision
from fleet_learning.randomness import torch_generator
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from iifl_policy.cascade import Cascade, CascadeConfig
from iifl_policy.energy import EnergyShape
from iifl_policy.implicit import ImplicitPolicy
from iifl_policy.langevin import Langevin
from sim_bridge.backends import make_environment

CHANCE_ERRORS = 2.0
"""Size of a difference that may be due to chance, in standard errors."""

PUSHING = CascadeConfig(screening_chains=256, initial_actions=2048)
"""Cascade of the simulated fleet: every push moves the observations so far that the chains of many robots are reinitialised."""


@dataclass(frozen=True)
class CascadeBenchPlan:
    """Size of the measurement. The defaults are those of IIFL: 100 robots, and full estimates by 512 chains of 100 iterations."""

    robots: int = 100
    watched: int = 10
    """Number of most uncertain robots that the cascade has to find."""
    ticks: int = 101
    every: int = 20
    """Period of the ticks that are compared with full estimates, ticks."""
    references: int = 3
    """Number of full estimates of such a tick, each with other random numbers; the reference is their mean."""
    chains: int = 512
    iterations: int = 100
    shape: EnergyShape = EnergyShape(60, 8)  # noqa: RUF009 - frozen
    training: DriftTraining = DriftTraining()  # noqa: RUF009 - frozen


QUICK = CascadeBenchPlan(
    robots=5,
    watched=2,
    ticks=5,
    every=2,
    references=2,
    chains=16,
    iterations=8,
    shape=EnergyShape(5, 3, width=16, depth=2),
    training=DriftTraining(pairs=32, gradient_steps=3, batch=8, counter_example_iterations=2),
)


def cascade_bench(fleet: Fleet, plan: CascadeBenchPlan, folder: Path, *, seed: int, command: str) -> Results:
    """Run a cascade on a fleet and on a drifting stream, compare it with full estimates, and write results into the folder.

    Raises:
        InputError: the fleet cannot be used, or its policy is not implicit.
    """
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:

        def bar(name: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(name, total=total)
            return lambda done: progress.update(task, completed=done)

        bench = _Bench(plan, seed, bar)
        rows = [bench.fleet(fleet), bench.drifting()]
    results = new_results("cascade bench", command, rows)
    results.write(folder)
    return results


class _RecordedCascade(Decider):
    """A cascade whose decisions are timed and recorded."""

    def __init__(self, policy: ImplicitPolicy, config: CascadeConfig, on_progress: Callable[[int], None]) -> None:
        self.policy = policy
        self.watch = Stopwatch(policy.device)
        self.precision = str(policy.model.between).removeprefix("torch.")
        self.observations: list[NDArray[np.generic]] = []
        self.decisions: list[Decision] = []
        self._cascade = Cascade(policy, config)
        self._on_progress = on_progress

    @override
    def decide(
        self, observations_N: NDArray[np.generic], robots: Sequence[int], generator: torch.Generator
    ) -> Decision:
        with self.watch.part("tick"):
            decision = self._cascade.decide(observations_N, robots, generator)
        self.observations.append(observations_N)
        self.decisions.append(decision)
        self._on_progress(len(self.observations))
        return decision


@dataclass(frozen=True)
class _Bench:
    """Measures the workloads."""

    plan: CascadeBenchPlan
    seed: int
    bar: Callable[[str, int], Callable[[int], None]]
    """Creates a progress bar from its name and total, and returns the function that updates it."""

    def fleet(self, fleet: Fleet) -> Row:
        """Measure a simulated fleet that the cascade drives with the fleet's policy."""
        plan, contract, environment_config = self.plan, fleet.contract(), fleet.environment
        policy, metadata = read_checkpoint(fleet.policy.require_checkpoint(), contract)
        if not isinstance(policy, ImplicitPolicy):
            raise InputError(
                f"{fleet.policy.require_checkpoint()}: policy: expected implicit, got {policy.config.kind}."
            )
        humans = fleet.model_copy(update={"supervisors": fleet.supervisors.model_copy(update={"count": plan.watched})})
        allocation = with_policy(fleet, policy, metadata, source=fleet.fleet).allocation
        full = policy.with_sampling(plan.chains, plan.iterations, Langevin.kind)
        with closing(
            make_environment(environment_config.backend, environment_config.task, contract, plan.robots)
        ) as environment:
            decider = self._cascade(full, fleet.fleet, PUSHING)
            loop = FleetLoop(environment, supervisors_of(humans, self.seed), decider, allocation, self.seed)
            for _ in range(plan.ticks):
                loop.tick()
        return self._row(fleet.fleet, full, decider)

    def drifting(self) -> Row:
        """Measure a stream of observations with Ant's dimensions and a policy that is trained for it first."""
        plan, task, name = self.plan, DriftingTask(self.plan.shape, self.seed), "drifting stream"
        learned = task.policy(plan.training, self.bar(f"{name}: training", plan.training.gradient_steps))
        full = learned.with_sampling(plan.chains, plan.iterations)
        decider = self._cascade(full, name)
        for tick, states_NS in enumerate(task.states(plan.robots, plan.ticks)):
            decider.decide(states_NS, range(plan.robots), torch_generator(self.seed, tick))
        return self._row(name, full, decider)

    def _cascade(self, full: ImplicitPolicy, name: str, config: CascadeConfig = CascadeConfig()) -> _RecordedCascade:  # noqa: B008 - frozen
        fast = full.rounded() if native_precision(full, full.device) == "bfloat16" else full
        config = replace(config, watched=self.plan.watched)
        return _RecordedCascade(fast, config, self.bar(f"{name}: ticks", self.plan.ticks))

    def _row(self, env: str, full: ImplicitPolicy, cascade: _RecordedCascade) -> Row:
        plan, watch = self.plan, Stopwatch(full.device)
        compared = range(plan.every, plan.ticks, plan.every)
        on_progress = self.bar(f"{env}: full estimates", len(compared))
        recalls, recalls_within_errors, self_agreements = [], [], []
        for done, tick in enumerate(compared, 1):
            estimates = []
            for repetition in range(plan.references):
                with watch.part("full"):
                    estimates.append(
                        full.decide(cascade.observations[tick], torch_generator(self.seed, tick, 1 + repetition))
                    )
            reference, decision = _mean(estimates), cascade.decisions[tick]
            recalls.append(_recall(decision, reference, plan.watched))
            recalls_within_errors.append(_recall(decision, reference, plan.watched, errors=CHANCE_ERRORS))
            for estimate in estimates:
                others = [other for other in estimates if other is not estimate]
                self_agreements.append(_recall(estimate, _mean(others), plan.watched))
            on_progress(done)
        first_s, *ticks_s = cascade.watch.durations["tick"]
        return (
            run_of(env, f"cascade, {cascade.precision}", self.seed, f"{plan.robots} robots, top {plan.watched}")
            | percentiles(ticks_s)
            | {
                "first_tick_s": first_s,
                "full_s": float(np.median(watch.durations["full"])),
                "recall": float(np.mean(recalls)),
                "recall_within_errors": float(np.mean(recalls_within_errors)),
                "self_agreement": float(np.mean(self_agreements)),
                "compared_ticks": len(recalls),
            }
        )


def _mean(estimates: Sequence[Decision]) -> Decision:
    """Return the first estimate with the mean uncertainties of all, and the standard errors of these means."""
    uncertainties_RN = np.stack([estimate.uncertainties_N for estimate in estimates])
    errors_RN = np.stack([estimate.standard_errors_N for estimate in estimates])
    return replace(
        estimates[0],
        uncertainties_N=uncertainties_RN.mean(0),
        standard_errors_N=np.sqrt(np.square(errors_RN).mean(0) / len(estimates)),
    )


def _recall(decision: Decision, reference: Decision, watched: int, errors: float = 0.0) -> float:
    """Return the fraction of the reference's most uncertain robots that are among the decision's.

    With `errors`, a robot also counts if its uncertainty is lower by at most so many standard errors of the reference.
    """
    ours, theirs = (np.argsort(-each.uncertainties_N, kind="stable")[:watched] for each in (decision, reference))
    least = theirs[-1]
    spread_N = np.hypot(reference.standard_errors_N, reference.standard_errors_N[least])
    counts_N = reference.uncertainties_N + errors * spread_N >= reference.uncertainties_N[least]
    return float(counts_N[ours].mean())
