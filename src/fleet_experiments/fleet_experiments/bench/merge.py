"""Measures how long the policies of several sites take to merge, by every method.

S state dim, A action dim.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress

from fleet_experiments.bench.stopwatch import seconds
from fleet_experiments.results import Results, Row, new_results, run_of
from fleet_learning.dataset import Dataset, new_dataset
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import Scaling
from iifl_policy.explicit import ExplicitConfig, ExplicitPolicy, ExplicitShape, new_explicit
from policy_merge.alignment import AlignmentConfig
from policy_merge.merging import METHODS, merge

STATE_DIM, ACTION_DIM = 60, 8
"""S and A, Ant's."""


@dataclass(frozen=True)
class MergeLoad:
    """Untrained policies of one member, of which no two have anything in common: matching them takes longest."""

    policies: int = 5
    pairs: int = 2000
    """Pairs of every site."""
    width: int = 256
    depth: int = 6
    searched_width: int = 128
    """Width of the policies whose permutations are searched by gradients."""
    searched_depth: int = 3
    epochs: int = 20
    """Epochs of algorithm 1."""
    steps: int = 10
    """Gradient steps of every site in an epoch."""

    @property
    def alignment(self) -> AlignmentConfig:
        """How permutations are searched."""
        return AlignmentConfig(epochs=self.epochs, steps=self.steps)

    def size(self, method: str) -> tuple[int, int]:
        """Return depth and width of the policies that are merged by a method."""
        return (self.searched_depth, self.searched_width) if method == "fleet_merge" else (self.depth, self.width)

    def sites(self, method: str, seed: int) -> tuple[list[ExplicitPolicy], list[Dataset]]:
        """Return the policies and pairs of all sites."""
        depth, width = self.size(method)
        config = ExplicitConfig(ExplicitShape(STATE_DIM, ACTION_DIM, members=1, width=width, depth=depth))
        range_A = torch.ones(ACTION_DIM)
        scaling = Scaling(torch.zeros(STATE_DIM), torch.ones(STATE_DIM), -range_A, range_A)
        random = np.random.default_rng(seed)
        return (
            [new_explicit(config, scaling, torch_generator(seed, site)) for site in range(self.policies)],
            [
                new_dataset(
                    random.normal(size=(self.pairs, STATE_DIM)), random.uniform(-1, 1, (self.pairs, ACTION_DIM))
                )
                for _ in range(self.policies)
            ],
        )


QUICK = MergeLoad(policies=2, pairs=20, width=8, depth=2, searched_width=8, searched_depth=1, epochs=2, steps=2)


def merge_bench(load: MergeLoad, folder: Path, *, seed: int, command: str) -> Results:
    """Measure all methods and write the results into the folder."""
    rows: list[Row] = []
    with Progress() as progress:
        for method in progress.track(METHODS, description="methods"):
            policies, pairs = load.sites(method, seed)
            begun_s = time.process_time()

            def run() -> None:
                merge(policies, pairs, METHODS[method], seed=seed, alignment=load.alignment)  # noqa: B023 - called at once

            lasted_s = seconds(torch.device("cpu"), run)
            depth, width = load.size(method)
            row = run_of("", method, seed, f"{load.policies} policies of {depth} x {width}")
            rows.append(row | {"merge_s": lasted_s, "cpu_s": time.process_time() - begun_s})
    results = new_results("merge bench", command, rows)
    results.write(folder)
    return results
