"""Merges the policies of several sites: `fleet merge ...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from fleet_bags.new_folder import new_folder
from fleet_cli.command_line import console
from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import CheckpointMetadata, read_checkpoint, write_checkpoint
from fleet_learning.dataset import Dataset
from fleet_learning.deployment import deployed_policy
from fleet_learning.mergeable import Mergeable
from fleet_learning.optimization import OptimizerState
from fleet_learning.policy import Policy
from fleet_learning.resume_file import resume_key
from fleet_learning.tensor_file import file_digest
from fleet_training.offline_training import TrainingData, held_out_error, no_training_data, read_training_data
from policy_merge.alignment import AlignmentConfig
from policy_merge.averaging import averaged
from policy_merge.merging import METHODS, Merged, merge

CHECKPOINT, FLEET = "policy.safetensors", "fleet.yaml"


@dataclass(frozen=True)
class Site:
    """What a site has learned, and from which data."""

    checkpoint: Path
    policy: Mergeable
    metadata: CheckpointMetadata
    data: TrainingData

    @property
    def evaluated(self) -> str:
        """On which pairs policies are evaluated."""
        return "held-out" if len(self.data.held_out) else "training"


def merge_policies(
    fleet: Fleet, checkpoints: Sequence[Path], sets: Sequence[Path], folder: Path, *, method: str, seed: int
) -> None:
    """Merge policies, and write the result with a fleet file that deploys it.

    Args:
        fleet: fleet that the merged policy is for.
        checkpoints: checkpoints of the sites' policies.
        sets: dataset of each site, in the same order; none if the method needs none.
        folder: new folder to write into.
        method: one of `METHODS`.
        seed: seed of everything that is random.

    Raises:
        InputError: something cannot be used, the policies do not fit together, or the folder exists.
    """
    chosen = METHODS.get(method)
    if chosen is None:
        raise InputError(f"--method: expected one of {', '.join(METHODS)}, got {method!r}.")
    if len(checkpoints) < 2:
        raise InputError(f"checkpoints: expected at least two, got {len(checkpoints)}.")
    if len(sets) != len(checkpoints) and (sets or chosen.needs_data):
        raise InputError(
            f"--data: expected {len(checkpoints)} datasets, one for each checkpoint in the same order, got {len(sets)}."
        )
    digests = _different(checkpoints)
    contract = fleet.contract()
    sites = [_site(checkpoint, contract, sets[index : index + 1], seed) for index, checkpoint in enumerate(checkpoints)]
    for site in sites[1:]:
        _require_fit(site, sites[0])
    with new_folder(folder) as partial:
        with Progress(
            *Progress.get_default_columns(), MofNCompleteColumn(), disable=not sys.stdout.isatty()
        ) as progress:
            bar = progress.add_task("merging", total=None)
            merged = merge(
                [site.policy for site in sites],
                [site.data.pairs for site in sites],
                chosen,
                seed=seed,
                alignment=AlignmentConfig(),
                advance=lambda done, total: progress.update(bar, completed=done, total=total),
            )
        steps = max(site.metadata.gradient_steps for site in sites)
        policy = sites[0].policy.with_state(merged.tensors, OptimizerState(steps))
        metadata = sites[0].metadata.model_copy(
            update={
                "calibrations": (),
                "dataset": resume_key(*(site.metadata.dataset for site in sites)),
                "gradient_steps": steps,
                "command": f"fleet merge --method {method} --seed {seed} of {', '.join(digests)}",
            }
        )
        write_checkpoint(partial / CHECKPOINT, policy, metadata)
        path = (folder / CHECKPOINT).absolute()
        fleet.with_changes(source=fleet.fleet, policy={"checkpoint": path}).write(partial / FLEET)
        console().print(_table(sites, merged, fleet, seed))
    print(_sizes(sites, merged))
    print(f"calibrate it: ./fleet calibrate --fleet {folder / FLEET}")
    print(f"deploy it: ./fleet up --fleet {folder / FLEET}")


def _different(checkpoints: Sequence[Path]) -> list[str]:
    """Return the sha256 of every checkpoint; refuse one that is given twice."""
    digests: dict[str, Path] = {}
    for path in checkpoints:
        if not path.is_file():
            raise InputError(f"{path}: there is no such checkpoint.")
        same = digests.setdefault(file_digest(path), path)
        if same is not path:
            raise InputError(f"{path}: expected another policy than that of {same}, got the same.")
    return list(digests)


def _site(checkpoint: Path, contract: RobotContract, sets: Sequence[Path], seed: int) -> Site:
    policy, metadata = read_checkpoint(checkpoint, contract)
    if not isinstance(policy, Mergeable):
        raise InputError(
            f"{checkpoint}: policy.kind: expected a policy that declares its network (fleet_learning.mergeable), "
            f"got {policy.config.kind}."
        )
    read = read_training_data(sets, contract, policy.observes, seed) if sets else None
    return Site(checkpoint, policy, metadata, read or no_training_data(contract, policy.observes))


def _require_fit(site: Site, first: Site) -> None:
    """Refuse a policy that cannot be merged with the first one."""
    kinds = [own.policy.config.kind for own in (first, site)]
    if kinds[0] != kinds[1]:
        raise InputError(
            f"{site.checkpoint}: policy.kind: expected {kinds[0]} as in {first.checkpoint}, got {kinds[1]}."
        )
    expected, found = (
        {name: tuple(tensor.shape) for name, tensor in own.policy.tensors().items()} for own in (first, site)
    )
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"{site.checkpoint}: {name}: expected shape {expected.get(name)} as in {first.checkpoint}, "
                f"got {found.get(name)}."
            )
    for name, tensor in first.policy.scaling.tensors().items():
        if not torch.equal(tensor, site.policy.scaling.tensors()[name]):
            raise InputError(
                f"{site.checkpoint}: scaling.{name}: expected that of {first.checkpoint}, got another; sites that merge "
                "their policies need one scaling, by a common first policy or by ./fleet train --moments."
            )


def _table(sites: Sequence[Site], merged: Merged, fleet: Fleet, seed: int) -> Table:
    """Return the errors of the policies on each site's data, and what was moved."""
    contract, first = fleet.contract(), sites[0].policy
    average = averaged([site.policy.tensors() for site in sites])
    policies = [first.with_state(tensors, first.optimizer_state) for tensors in (average, merged.tensors)]
    table = Table(title="mean squared error of actions, in units of half their range", show_edge=False)
    for column in ("site", "evaluated on", "own policy", "average", "merged", "units moved"):
        table.add_column(column)
    for site, moved in zip(sites, merged.moved, strict=True):
        pairs = site.data.held_out if len(site.data.held_out) else site.data.pairs
        errors = [_error(deployed_policy(own, fleet), contract, pairs, seed) for own in (site.policy, *policies)]
        table.add_row(str(site.checkpoint), f"{len(pairs)} {site.evaluated} pairs", *errors, f"{moved:.0%}")
    return table


def _error(policy: Policy, contract: RobotContract, pairs: Dataset, seed: int) -> str:
    if not len(pairs):
        return "-"
    found = held_out_error(policy, contract, pairs, seed)
    return f"{found.mean:.4f} ± {found.standard_error:.4f}"


def _sizes(sites: Sequence[Site], merged: Merged) -> str:
    parameters = sum(tensor.nbytes for tensor in merged.tensors.values())
    data = [site.data.pairs.observations_B.nbytes + site.data.pairs.actions_BA.nbytes for site in sites]
    sent = f"a site sends {parameters / 1e6:.2f} MB of parameters"
    if merged.gram_bytes:
        sent += f" and {merged.gram_bytes / 1e6:.2f} MB of Gram matrices"
    return f"{sent}; its data ({', '.join(f'{size / 1e6:.2f} MB' for size in data)}) stay there" if any(data) else sent
