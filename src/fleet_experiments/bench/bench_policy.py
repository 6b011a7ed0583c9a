# noqa: INP001 - benchmarks are no package
"""Measures a fleet's decision and a training step at a tenth of Table 5's size; `fleet bench policy` measures the full size.

python -m pytest src/fleet_experiments/bench/bench_policy.py -o python_functions="bench_*"
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from fleet_experiments.bench.policy_check import check_equality
from fleet_experiments.bench.policy_workload import Sizes, Subject, new_subject
from fleet_learning.randomness import torch_generator
from iifl_policy import plain

SIZES = Sizes(robots=10, iterations=10, batch=128)
ROUNDS = 3


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Return energies for which both implementations give the same results."""
    device = torch.device("cpu")
    check_equality(SIZES, 0, device)
    return new_subject(SIZES, 0, device)


def bench_decision(benchmark: BenchmarkFixture, subject: Subject) -> None:
    """Measure actions and uncertainties of the package."""
    policy = subject.policy()
    benchmark.pedantic(lambda: policy.decide(subject.states_NS, torch_generator(0)), rounds=ROUNDS)


def bench_plain_decision(benchmark: BenchmarkFixture, subject: Subject) -> None:
    """Measure actions and uncertainties of the plain composition."""
    energies, states_NS, chance = subject.energies(), subject.plain_states(), plain.Fresh(torch_generator(0))
    arguments = (energies, states_NS, SIZES.chains, subject.plain_sample(), chance)
    benchmark.pedantic(plain.decide, arguments, rounds=ROUNDS)


def bench_training_step(benchmark: BenchmarkFixture, subject: Subject) -> None:
    """Measure a training step of both members with the package."""
    learner, dataset = subject.learner(), subject.dataset(0)
    benchmark.pedantic(lambda: learner.fit(dataset, steps=1, seed=0), rounds=ROUNDS)


def bench_plain_training_step(benchmark: BenchmarkFixture, subject: Subject) -> None:
    """Measure a training step of both members with the plain composition."""
    energies, (states, actions) = subject.energies(), subject.scaling.pairs(subject.dataset(0))
    batch = torch.arange(SIZES.batch).expand(SIZES.shape.members, -1)
    chance, optimizers = plain.Fresh(torch_generator(0)), plain.optimizers_of(energies)
    arguments = (energies, optimizers, states[batch], actions[batch], subject.plain_sample(), chance)
    benchmark.pedantic(plain.train_step, arguments, rounds=ROUNDS)
