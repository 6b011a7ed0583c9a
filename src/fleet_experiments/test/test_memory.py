"""The estimated memory of a run agrees with the peak of a process that does the same work."""

from __future__ import annotations

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import SMALL

from fleet_contract.fleet import MAX_ROBOTS
from fleet_experiments.fleet.memory import run_bytes
from fleet_learning.dataset import new_dataset
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import contract_scaling
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import LearningSetup
from iifl_policy.langevin import Langevin

pytestmark = pytest.mark.slow
TRAINING = replace(
    SMALL.implicit,
    optimizer=replace(SMALL.implicit.optimizer, batch_size=3000),
    shape=replace(SMALL.implicit.shape, width=256, depth=4),
)
DECIDING = replace(SMALL.implicit, chains=5120, sampler=Langevin(iterations=2))


def peak_bytes(setup: LearningSetup) -> int:
    torch.set_num_threads(1)
    states_NS = np.random.default_rng(0).normal(size=(setup.fleet.robots.count, 2)).astype(np.float32)
    dataset = new_dataset(list(states_NS[:64]), list(np.zeros((64, 2))))
    policy = setup.new_policy(ALGORITHMS["iifl"], contract_scaling(setup.contract, dataset), 0)
    policy.fit(dataset, steps=2, seed=0).policy.decide(states_NS, torch_generator(0))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize(
    "setup",
    [
        replace(SMALL.with_fleet(robots={"count": 100}), implicit=TRAINING),
        replace(SMALL.with_fleet(robots={"count": MAX_ROBOTS}), implicit=DECIDING),
    ],
    ids=["training", "deciding"],
)
def test_the_estimate_is_near_the_peak(setup):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        peak = pool.submit(peak_bytes, setup).result()
    assert 0.5 < run_bytes(setup) / peak < 2
