"""Reproduces Table 5 of IIFL: durations of a fleet's decision and of a training step, and how well they use the processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from typing_extensions import override

from fleet_experiments.bench.policy_check import check_equality
from fleet_experiments.bench.policy_workload import Counted, Sizes, Subject, new_subject
from fleet_experiments.bench.stopwatch import Stopwatch, percentiles, seconds
from fleet_experiments.results import Results, Row, new_results, run_of
from fleet_learning.randomness import on_device, torch_generator
from iifl_policy import plain
from iifl_policy.energy import EnergyEnsemble, EnergyModel, EnergyShape
from iifl_policy.energy_field import BLOCK_ROWS
from iifl_policy.jeffreys import jeffreys
from iifl_policy.langevin import Langevin
from iifl_policy.sampler import ActionSamples

QUICK = Sizes(robots=3, shape=EnergyShape(5, 3, width=16, depth=2), chains=16, iterations=8, batch=8)
OURS, PLAIN = "iifl_policy", "plain composition"
ACTION, UNCERTAINTY, BOTH, STEP = "action", "uncertainty", "action and uncertainty", "training step"
LONGEST_S = 300.0
"""Longest duration of a pass of the plain composition, s; longer passes are projected from a few iterations."""
FEW, MORE = 1, 6
"""Numbers of Langevin iterations from whose durations a pass is projected."""
STEPS = 3
"""Number of training steps; the first one is not counted."""
GPU_PASSES = 50
MULTIPLICATIONS = 100


def policy_bench(sizes: Sizes, folder: Path, *, seed: int, command: str) -> Results:
    """Measure on the GPU if there is one, else on the processor, and write results into the folder.

    Raises:
        Unequal: package and plain composition compute different results, so that their durations cannot be compared.
    """
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    bench = _Bench(new_subject(sizes, seed, device), seed)
    measurements: dict[str, Callable[[], list[Row]]] = {
        "decisions": bench.decisions,
        "plain decisions": bench.plain_decisions,
        "training steps": bench.learning,
        "plain training steps": bench.plain_learning,
    }
    rows: list[Row] = []
    with Progress() as progress:
        bar = progress.add_task("equality", total=1 + len(measurements))
        difference = check_equality(sizes, seed, device)
        for name, measure in measurements.items():
            progress.update(bar, advance=1, description=name)
            rows += [row | {"device": device.type, "difference": difference} for row in measure()]
        progress.advance(bar)
    other = "cpu" if device.type == "cuda" else "cuda"
    rows = _with_speedups(rows) + [
        run_of(sizes.name, OURS, seed, condition) | {"device": f"{other}: not measured"}
        for condition in (ACTION, UNCERTAINTY, BOTH, STEP)
    ]
    results = new_results("policy bench", command, rows)
    results.write(folder)
    return results


@dataclass(frozen=True)
class _TimedSampler(Langevin):
    """Draws counter-examples and measures the duration."""

    watch: Stopwatch | None = None

    @override
    def sample(
        self,
        model: EnergyModel,
        features_EBW: Tensor,
        chains: int,
        generator: torch.Generator,
        start_EBKA: Tensor | None = None,
    ) -> ActionSamples:
        if self.watch is None:
            return super().sample(model, features_EBW, chains, generator, start_EBKA)
        with self.watch.part("sampler"):
            return super().sample(model, features_EBW, chains, generator, start_EBKA)


@dataclass(frozen=True)
class _Bench:
    """Measures one subject."""

    subject: Subject
    seed: int

    def decisions(self) -> list[Row]:
        """Measure decisions of the package: the uncertainty takes the chains of both members, which yield the action as well."""
        subject, sizes = self.subject, self.subject.sizes
        policy, evaluated_counts = subject.policy(), list[int]()
        one = replace(policy, model=EnergyEnsemble(policy.model.net.member(0), policy.model.state_dim))

        def uncertainty() -> None:
            evaluated_counts.clear()
            model, features_ENW = Counted(policy.model, evaluated_counts), policy.features(subject.states_NS)
            jeffreys(model, features_ENW, subject.sampler.sample(model, features_ENW, sizes.chains, self._generator()))

        rows = []
        for condition, run, members in (
            (UNCERTAINTY, uncertainty, sizes.shape.members),
            (ACTION, lambda: one.decide(subject.states_NS, self._generator()), 1),
            (BOTH, lambda: policy.decide(subject.states_NS, self._generator()), sizes.shape.members),
        ):
            durations_s, gemm_flops = self._beside_multiplications(run)
            flops, evaluated = sizes.flops(members), sizes.flops(members, share := sizes.share(evaluated_counts))
            typical_s = float(np.median(durations_s))
            rows.append(
                self._row(OURS, condition)
                | percentiles(durations_s)
                | {
                    "gemm_gflops": gemm_flops / 1e9,
                    "gflops": flops / typical_s / 1e9,
                    "mathematics_share": flops / typical_s / gemm_flops,
                    "inside_share": share,
                    "gemm_share": evaluated / typical_s / gemm_flops,
                }
            )
        return rows

    def plain_decisions(self) -> list[Row]:
        """Measure decisions of the plain composition, whose action and uncertainty share no work: their durations add up."""
        subject, chains = self.subject, self.subject.sizes.chains
        energies, states_NS = subject.energies(), subject.plain_states()
        chance = plain.Fresh(self._generator())

        def action(iterations: int) -> None:
            plain.best_actions(energies[0], states_NS, chains, subject.plain_sample(iterations), chance)

        def uncertainty(iterations: int) -> None:
            plain.divergences(energies, states_NS, chains, subject.plain_sample(iterations), chance)

        (action_s, measured), (uncertainty_s, also_measured) = (self._full_pass(run) for run in (action, uncertainty))
        return [
            self._row(PLAIN, condition)
            | percentiles([duration_s])
            | {"projected_from_iterations": None if min(of) == subject.sizes.iterations else min(of)}
            for condition, duration_s, of in (
                (ACTION, action_s, [measured]),
                (UNCERTAINTY, uncertainty_s, [also_measured]),
                (BOTH, action_s + uncertainty_s, [measured, also_measured]),
            )
        ]

    def learning(self) -> list[Row]:
        """Measure training steps of the package, which takes one optimizer step for both members."""
        subject, watch = self.subject, Stopwatch(self.subject.device)
        learner = subject.learner(_TimedSampler(iterations=subject.sizes.iterations, watch=watch))
        with _optimizers_timed(watch):
            learner.fit(subject.dataset(self.seed), steps=STEPS, seed=self.seed, on_step=lambda *_: watch.lap("step"))
        return [self._row(OURS, STEP) | _breakdown(watch)]

    def plain_learning(self) -> list[Row]:
        """Measure training steps of the plain composition, which trains one member after the other."""
        subject, watch = self.subject, Stopwatch(self.subject.device)
        states, actions = subject.scaling.pairs(subject.dataset(self.seed))
        batch = torch.arange(subject.sizes.batch).expand(subject.sizes.shape.members, -1)
        energies, chance = subject.energies(), plain.Fresh(self._generator())
        optimizers, sample = plain.optimizers_of(energies), subject.plain_sample()

        def timed(energy: plain.Energy, states_BS: Tensor, chains: int, chance: plain.Chance) -> Tensor:
            with watch.part("sampler"):
                return sample(energy, states_BS, chains, chance)

        with _optimizers_timed(watch):
            for _ in range(STEPS):
                plain.train_step(energies, optimizers, states[batch], actions[batch], timed, chance)
                watch.lap("step")
        return [self._row(PLAIN, STEP) | _breakdown(watch)]

    def _row(self, algo: str, condition: str) -> Row:
        return run_of(self.subject.sizes.name, algo, self.seed, condition)

    def _generator(self) -> torch.Generator:
        return on_device(torch_generator(self.seed), self.subject.device)

    def _beside_multiplications(self, run: Callable[[], object]) -> tuple[list[float], float]:
        """Return durations, and the FLOP/s of matrix multiplications just before and after."""
        before = self._multiplication_flops()
        durations_s = [seconds(self.subject.device, run)]
        if self.subject.device.type == "cuda":
            durations_s = [seconds(self.subject.device, run) for _ in range(GPU_PASSES)]
        return durations_s, (before + self._multiplication_flops()) / 2

    def _multiplication_flops(self) -> float:
        """Return the FLOP/s of multiplying a block of rows by a hidden layer of all members."""
        weight_EWW = self.subject.net.weights[1]
        rows_ERW = weight_EWW.new_ones(len(weight_EWW), BLOCK_ROWS, weight_EWW.shape[1])
        out_ERW, watch = torch.empty_like(rows_ERW), Stopwatch(self.subject.device)
        for _ in range(MULTIPLICATIONS):
            with watch.part("multiplication"):
                torch.bmm(rows_ERW, weight_EWW, out=out_ERW)
        return 2 * rows_ERW.numel() * weight_EWW.shape[2] / float(np.median(watch.durations["multiplication"]))

    def _full_pass(self, run: Callable[[int], object]) -> tuple[float, int]:
        """Return the duration of a pass with all iterations, s, and the number of iterations that were measured."""
        iterations = self.subject.sizes.iterations
        run(FEW)
        few_s, more_s = (seconds(self.subject.device, partial(run, count)) for count in (FEW, MORE))
        projected_s = few_s + (iterations - FEW) * (more_s - few_s) / (MORE - FEW)
        if projected_s > LONGEST_S:
            return projected_s, MORE
        return seconds(self.subject.device, partial(run, iterations)), iterations


@contextmanager
def _optimizers_timed(watch: Stopwatch) -> Iterator[None]:
    hooks = [
        register_optimizer_step_pre_hook(lambda *_: watch.begin("optimiser")),
        register_optimizer_step_post_hook(lambda *_: watch.end("optimiser")),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _breakdown(watch: Stopwatch) -> Row:
    """Return the durations of the parts of all training steps except the first."""
    steps_s, sampler_s, optimiser_s = (
        np.reshape(watch.durations[name], (STEPS, -1)).sum(1)[1:] for name in ("step", "sampler", "optimiser")
    )
    return percentiles(steps_s.tolist()) | {
        "sampler_s": float(np.median(sampler_s)),
        "forward_backward_s": float(np.median(steps_s - sampler_s - optimiser_s)),
        "optimiser_s": float(np.median(optimiser_s)),
    }


def _with_speedups(rows: list[Row]) -> list[Row]:
    """Add the speedup over the plain composition to the rows of the package."""
    typical_s = {(row["algo"], row["condition"]): float(row["p50_s"] or 0) for row in rows}
    return [
        row | {"speedup": typical_s[PLAIN, row["condition"]] / typical_s[OURS, row["condition"]]}
        if row["algo"] == OURS
        else row
        for row in rows
    ]
