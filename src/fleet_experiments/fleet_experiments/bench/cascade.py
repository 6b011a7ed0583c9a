"""The cascade in real time: how long it takes per tick, and whether it finds the robots that the full estimate finds.

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

from fleet_contract.fleet import Fleet
from fleet_contract.robot import Stream
from fleet_contract.validation import InputError
from fleet_experiments.bench.drifting_stream import DriftingTask, DriftTraining
from fleet_experiments.bench.stopwatch import Stopwatch, percentiles
from fleet_experiments.results import Results, Row, new_results, run_of
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.policy import Decision
from fleet_learning.precision import multiplies_bfloat16
from fleet_learning.randomness import torch_generator
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from iifl_policy.cascade import Cascade, CascadeConfig
from iifl_policy.energy import EnergyShape
from iifl_policy.implicit import ImplicitPolicy
from sim_bridge.backends import make_environment

WITHIN = 2.0
"""Standard errors of a difference that may be chance."""

JUMPY = CascadeConfig(screening_chains=256, initial_actions=2048)
"""For a simulated fleet: every push moves the observation so far that many robots start anew, in two action dimensions."""


@dataclass(frozen=True)
class CascadeBenchPlan:
    """How much is measured; the defaults are those of IIFL: 100 robots, and 512 chains of 100 iterations in full."""

    robots: int = 100
    watched: int = 10
    """Robots of highest uncertainty that are to be found."""
    ticks: int = 101
    every: int = 20
    """Ticks from one that is compared to the next."""
    references: int = 3
    """Full estimates of such a tick, with other random numbers each; their mean is compared with."""
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
    """Drive a fleet and a drifting stream by a cascade, and compare; write results into the folder.

    Raises:
        BadInput: the fleet cannot be used, or its policy is not implicit.
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


class _Watched:
    """A cascade whose decisions are timed and remembered."""

    def __init__(self, policy: ImplicitPolicy, config: CascadeConfig, advance: Callable[[int], None]) -> None:
        self.watch = Stopwatch(policy.device)
        self.precision = str(policy.model.between).removeprefix("torch.")
        self.observations: list[NDArray[np.generic]] = []
        self.decisions: list[Decision] = []
        self._cascade = Cascade(policy, config)
        self._advance = advance

    @property
    def observes(self) -> Stream:
        """What it decides from."""
        return self._cascade.observes

    def decide(self, observations_N: NDArray[np.generic], generator: torch.Generator) -> Decision:
        """Decide as the cascade does."""
        with self.watch.part("tick"):
            decision = self._cascade.decide(observations_N, generator)
        self.observations.append(observations_N)
        self.decisions.append(decision)
        self._advance(len(self.observations))
        return decision


@dataclass(frozen=True)
class _Bench:
    """Measures both workloads."""

    plan: CascadeBenchPlan
    seed: int
    bar: Callable[[str, int], Callable[[int], None]]
    """Makes a progress bar of a name and a total."""

    def fleet(self, fleet: Fleet) -> Row:
        """A simulated fleet with its own policy, driven by the cascade."""
        plan, contract, choice = self.plan, fleet.contract(), fleet.environment
        policy, about = read_checkpoint(fleet.policy.require_checkpoint(), contract)
        if not isinstance(policy, ImplicitPolicy):
            raise InputError(
                f"{fleet.policy.require_checkpoint()}: policy found {policy.config.kind}, allowed is implicit."
            )
        humans = fleet.model_copy(update={"supervisors": fleet.supervisors.model_copy(update={"count": plan.watched})})
        threshold = about.threshold if fleet.allocation.threshold == "calibrated" else fleet.allocation.threshold
        allocation = fleet.allocation.model_copy(update={"threshold": threshold})
        full = policy.with_sampling(plan.chains, plan.iterations)
        with closing(make_environment(choice.backend, choice.task, contract, plan.robots)) as environment:
            decider = self._watched(full, fleet.fleet, JUMPY)
            loop = FleetLoop(environment, supervisors_of(humans, self.seed), decider, allocation, self.seed)
            for _ in range(plan.ticks):
                loop.tick()
        return self._row(fleet.fleet, full, decider)

    def drifting(self) -> Row:
        """A stream of observations of Ant's dimensions, with a policy that is trained for it here."""
        plan, task, name = self.plan, DriftingTask(self.plan.shape, self.seed), "drifting stream"
        learned = task.policy(plan.training, self.bar(f"{name}: training", plan.training.gradient_steps))
        full = learned.with_sampling(plan.chains, plan.iterations)
        decider = self._watched(full, name)
        for tick, states_NS in enumerate(task.states(plan.robots, plan.ticks)):
            decider.decide(states_NS, torch_generator(self.seed, tick))
        return self._row(name, full, decider)

    def _watched(self, full: ImplicitPolicy, name: str, config: CascadeConfig = CascadeConfig()) -> _Watched:  # noqa: B008 - frozen
        fast = full.rounded() if multiplies_bfloat16(full.device) else full
        config = replace(config, watched=self.plan.watched)
        return _Watched(fast, config, self.bar(f"{name}: ticks", self.plan.ticks))

    def _row(self, env: str, full: ImplicitPolicy, watched: _Watched) -> Row:
        plan, watch = self.plan, Stopwatch(full.device)
        compared = range(plan.every, plan.ticks, plan.every)
        advance = self.bar(f"{env}: full estimates", len(compared))
        found, near, agreed = [], [], []
        for done, tick in enumerate(compared, 1):
            estimates = []
            for repetition in range(plan.references):
                with watch.part("full"):
                    estimates.append(
                        full.decide(watched.observations[tick], torch_generator(self.seed, tick, 1 + repetition))
                    )
            reference, decision = _mean(estimates), watched.decisions[tick]
            found.append(_recall(decision, reference, plan.watched))
            near.append(_recall(decision, reference, plan.watched, errors=WITHIN))
            for estimate in estimates:
                others = [other for other in estimates if other is not estimate]
                agreed.append(_recall(estimate, _mean(others), plan.watched))
            advance(done)
        first_s, *ticks_s = watched.watch.durations["tick"]
        return (
            run_of(env, f"cascade, {watched.precision}", self.seed, f"{plan.robots} robots, top {plan.watched}")
            | percentiles(ticks_s)
            | {
                "first_tick_s": first_s,
                "full_s": float(np.median(watch.durations["full"])),
                "recall": float(np.mean(found)),
                "recall_within_errors": float(np.mean(near)),
                "self_agreement": float(np.mean(agreed)),
                "compared_ticks": len(found),
            }
        )


def _mean(estimates: Sequence[Decision]) -> Decision:
    """Of the uncertainties; the rest is that of the first."""
    uncertainties_RN = np.stack([estimate.uncertainties_N for estimate in estimates])
    errors_RN = np.stack([estimate.standard_errors_N for estimate in estimates])
    return replace(
        estimates[0],
        uncertainties_N=uncertainties_RN.mean(0),
        standard_errors_N=np.sqrt(np.square(errors_RN).mean(0) / len(estimates)),
    )


def _recall(decision: Decision, reference: Decision, watched: int, errors: float = 0.0) -> float:
    """Share of the reference's most uncertain robots that are among the decision's.

    With `errors`, another robot is as good if the reference's standard errors cannot tell it from the least uncertain one.
    """
    ours, theirs = (np.argsort(-found.uncertainties_N, kind="stable")[:watched] for found in (decision, reference))
    least = theirs[-1]
    spread_N = np.hypot(reference.standard_errors_N, reference.standard_errors_N[least])
    as_good_N = reference.uncertainties_N + errors * spread_N >= reference.uncertainties_N[least]
    return float(as_good_N[ours].mean())
