"""Sites whose robots have different tasks: merging once, and merging again and again while they train (FLEET-MERGE, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fleet_experiments.merge.methods import METHODS, merged
from fleet_experiments.merge.scale import Scale
from fleet_experiments.merge.site import Site, held_out_error, success
from fleet_experiments.merge.windows import common_scaling, demonstrations, windows
from fleet_experiments.results import Row, run_of
from fleet_learning.dataset import read_dataset
from fleet_learning.symmetry import Parameters
from fleet_training.first_policy import OnProgress
from fleet_training.learning_setup import LearningSetup
from policy_merge.sequence_network import SequenceNetwork
from policy_merge.split import dirichlet_split

Kind = Literal["feed-forward", "elman"]
FLOAT_BYTES = 4


class DemonstratedTasks:
    """The demonstrations of a fleet's tasks, and what networks that learned from parts of them can do."""

    def __init__(self, setup: LearningSetup, scale: Scale, kind: Kind, seed: int, folder: Path) -> None:
        """Read the demonstrations that `demonstrated` has left in a folder."""
        self.scale, self.seed, self._setup = scale, seed, setup
        tasks = sorted(set(setup.fleet.tasks))
        robots = [tasks.index(task) for task in setup.fleet.tasks]
        contract = setup.contract
        episodes = [
            read_dataset(path, contract.observed_shape("state"), contract.action_dim)
            for path in sorted(folder.glob("episode_*.npz"))
        ]
        owners = robots * (scale.episodes + scale.held_out_episodes)
        count = scale.episodes * len(robots)
        self._scaling = common_scaling(setup, episodes[:count])
        self.tasks = len(tasks)
        self.learned, self.held_out = (
            windows(episodes[part], owners[part], self._scaling, scale.context, scale.stride)
            for part in (slice(count), slice(count, None))
        )
        self.network = SequenceNetwork(scale.shape(contract.state_dim, contract.action_dim, kind))
        self.raw_bytes = sum(own.observations_B.nbytes + own.actions_BA.nbytes for own in episodes[:count])

    @cached_property
    def network_bytes(self) -> int:
        """Bytes of a network's parameters."""
        return FLOAT_BYTES * sum(own.numel() for own in self.network.new(0).values())

    def split(self, concentration: float) -> list[NDArray[np.int64]]:
        """Return the windows (rows) of every site, equally many each."""
        counts_K = np.bincount(self.learned.tasks_X, minlength=self.tasks)
        split_NK = dirichlet_split(counts_K, self.scale.sites, concentration, self.seed)
        order = np.random.default_rng(self.seed).permutation(len(self.learned))
        of_task = [order[self.learned.tasks_X[order] == task] for task in range(self.tasks)]
        ends_NK = np.cumsum(split_NK, 0)
        return [
            np.concatenate([own[end - count : end] for own, end, count in zip(of_task, ends_K, counts_K, strict=True)])
            for ends_K, counts_K in zip(ends_NK, split_NK, strict=True)
        ]

    def site(self, rows: NDArray[np.int64], start: int) -> Site:
        """Return a site with these windows and an untrained network; sites with the same `start` begin with the same network."""
        return Site(self.network, self.network.new(start), self.learned[rows])

    def all_windows(self) -> NDArray[np.int64]:
        """Return the rows of all windows."""
        return np.arange(len(self.learned))

    def measured(self, parameters: Parameters) -> dict[str, float]:
        """Return the error of a network on held-out episodes, and its success in closed loop."""
        robots = self.scale.test_episodes * self.tasks
        reached = success(
            self._setup,
            self.network,
            parameters,
            self._scaling,
            robots=robots,
            context=self.scale.context,
            seed=1000 + self.seed,
        )
        return {"success": reached, "error": held_out_error(self.network, parameters, self.held_out)}


def demonstrations_name(seed: int) -> str:
    """Return the name of the run that demonstrates with a seed."""
    return f"demonstrations_{seed}"


def demonstrated(
    setup: LearningSetup,
    scale: Scale,
    seed: int,
    folder: Path,
    on_progress: OnProgress,  # noqa: ARG001
) -> list[Row]:
    """Demonstrate the fleet's tasks, and write the episodes into the run's folder."""
    episodes = demonstrations(setup, scale.episodes + scale.held_out_episodes, seed)
    for number, episode in enumerate(episodes):
        episode.save(folder / f"episode_{number:04d}.npz")
    pairs = sum(map(len, episodes))
    return [run_of(setup.fleet.fleet, "experts", seed, "demonstrations") | {"episodes": len(episodes), "pairs": pairs}]


def one_shot(
    setup: LearningSetup,
    scale: Scale,
    kind: Kind,
    concentration: float,
    seed: int,
    folder: Path,
    on_progress: OnProgress,
) -> list[Row]:
    """Train the sites apart from different starts, and merge them once by every method."""
    trial, name = _trial(setup, scale, kind, seed, folder), setup.fleet.fleet
    condition = f"{kind}, once, Dirichlet {concentration:g}"
    split = trial.split(concentration)
    sites = []
    for number, own in enumerate(split):
        on_progress("sites", number, len(split))
        sites.append(trial.site(own, 100 * seed + number).trained(scale.steps, seed))
    joint = trial.site(trial.all_windows(), 100 * seed).trained(scale.steps, seed)
    rows: list[Row] = [
        run_of(name, "joint", seed, condition) | trial.measured(joint.parameters) | {"sent_bytes": trial.raw_bytes}
    ]
    apart = _mean([trial.measured(site.parameters) for site in sites])
    rows.append(run_of(name, "single", seed, condition) | apart | {"sent_bytes": 0})
    for number, method in enumerate(METHODS):
        on_progress("merging", number, len(METHODS))
        found = merged(sites, method, scale.alignment, seed)
        sent = (trial.network_bytes + found.gram_bytes) * len(sites)
        rows.append(
            run_of(name, method, seed, condition)
            | trial.measured(found.tensors)
            | {"moved": float(np.mean(found.moved)), "sent_bytes": sent}
        )
    return rows


def rounds(
    setup: LearningSetup,
    scale: Scale,
    kind: Kind,
    method: str,
    every: int,
    seed: int,
    folder: Path,
    on_progress: OnProgress,
) -> list[Row]:
    """Merge the sites every so many epochs while they train; each goes on from the merged network."""
    trial = _trial(setup, scale, kind, seed, folder)
    sites = [trial.site(rows, 100 * seed + number) for number, rows in enumerate(trial.split(1.0))]
    steps = every * sites[0].steps_per_epoch
    merges = max(scale.steps // steps, 1)
    sent = 0
    for number in range(merges):
        on_progress("rounds", number, merges)
        sites = [site.trained(steps, seed) for site in sites]
        found = merged(sites, method, scale.round_alignment, seed + number)
        sites = [site.at(found.tensors) for site in sites]
        # Every site sends its network, and receives the merged one.
        sent += (2 * trial.network_bytes + found.gram_bytes) * len(sites)
    condition = f"{kind}, every {every} epochs, Dirichlet 1"
    return [
        run_of(setup.fleet.fleet, method, seed, condition)
        | trial.measured(sites[0].parameters)
        | {"merges": merges, "sent_bytes": sent}
    ]


def barriers(
    setup: LearningSetup,
    scale: Scale,
    kind: Kind,
    seed: int,
    folder: Path,
    on_progress: OnProgress,
) -> list[Row]:
    """Merge two networks that learned the same tasks from halves of the windows, and return how much worse they become.

    The barriers are those in the middle between both networks, where the merge is; the paper takes the largest on the line.
    """
    trial = _trial(setup, scale, kind, seed, folder)
    halves = np.array_split(np.random.default_rng(seed).permutation(len(trial.learned)), 2)
    rows: list[Row] = []
    for number, (start, seeds) in enumerate({"different starts": (0, 1), "shared start": (0, 0)}.items()):
        on_progress("starts", number, 2)
        pairs = zip(halves, seeds, strict=True)
        sites = [trial.site(half, 100 * seed + own).trained(scale.steps, seed) for half, own in pairs]
        apart = _mean([trial.measured(site.parameters) for site in sites])
        for method in METHODS:
            found = merged(sites, method, scale.alignment, seed)
            measured = trial.measured(found.tensors)
            rows.append(
                run_of(setup.fleet.fleet, method, seed, f"{kind}, two sites, {start}")
                | measured
                | {
                    "success_barrier": apart["success"] - measured["success"],
                    "error_barrier": measured["error"] - apart["error"],
                    "moved": float(np.mean(found.moved)),
                }
            )
    return rows


def _trial(setup: LearningSetup, scale: Scale, kind: Kind, seed: int, folder: Path) -> DemonstratedTasks:
    """Return the demonstrations of this seed, whose run is beside that of the folder."""
    return DemonstratedTasks(setup, scale, kind, seed, folder.parent / demonstrations_name(seed))


def _mean(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([own[key] for own in measured])) for key in measured[0]}
