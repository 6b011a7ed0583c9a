"""Replays a recorded run: its robots behave as recorded, policy and allocator decide again, and both runs are compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from fleet_bags.comparison import Comparison, compare
from fleet_bags.recording import Recording, read_recording
from fleet_bringup.run import Run
from fleet_bringup.run_setup import FLEET_FILE, run_folder
from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.signal import UNCERTAINTY
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.deployment import with_policy

CONTRACT, COMPARISON = "contract.yaml", "comparison.json"
"""Files in the replay's folder: the recorded robots' contract, and what differs from the recorded run."""


@dataclass(frozen=True)
class Replay:
    """The options of a replay."""

    policy: Path | None = None
    """Checkpoint that decides; None: those that decided in the run."""
    speed: float | None = None
    """Speed as a multiple of recorded time; None: lockstep, as fast as decisions are made."""
    seed: int | None = None
    """Seed of the decisions; None: the run's."""
    report: Path | None = None
    """Folder of the replay; None: runs/TIME_FLEET_replay."""


def prepare_replay(recording: Recording, options: Replay) -> Run:
    """Check the checkpoints that decided in a recording, make the replay's folder, and return the replay.

    Raises:
        InputError: something cannot be used.
    """
    fleet, contract = recording.metadata.fleet, recording.metadata.contract
    if options.policy:
        fleet = _decided_by(fleet, options.policy.absolute(), contract)
    else:
        for checkpoint in filter(
            None, (fleet.policy.checkpoint, *(version.path for version in recording.policy_versions))
        ):
            read_checkpoint(checkpoint, contract)
    fleet = _replayed(fleet, recording.bag, options.speed)
    folder = run_folder(options.report, f"{fleet.fleet}_replay")
    (folder / CONTRACT).write_text(yaml.safe_dump(contract.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    fleet = fleet.with_changes(source=str(recording.bag), robots={"contract": folder / CONTRACT})
    fleet.write(folder / FLEET_FILE)
    seed = recording.metadata.seed if options.seed is None else options.seed
    return Run(folder, fleet, recording.ticks, seed, record=True, params_file=None, windows=False, foxglove=None)


def _replayed(fleet: Fleet, bag: Path, speed: float | None) -> Fleet:
    """Return the recorded fleet with the bag in place of its robots."""
    others = {"episode_ticks": None, "gateways": None, "program": None}
    return fleet.with_changes(
        source=str(bag),
        environment={"backend": "replay", "bag": bag.absolute(), "speed": speed, **others},
        tick={"mode": "real_time" if speed else "lockstep"},
    )


def _decided_by(fleet: Fleet, checkpoint: Path, contract: RobotContract) -> Fleet:
    """Return the recorded fleet with one policy for all ticks, its own decider and sampler, and its threshold if it has one."""
    policy, metadata = read_checkpoint(checkpoint, contract)
    thresholds = fleet.allocation.thresholds
    if metadata.calibrations:
        thresholds = {**thresholds, UNCERTAINTY: "calibrated"}
    other = fleet.with_changes(
        source=str(checkpoint),
        policy={"checkpoint": checkpoint, "decider": None, "sampler": None, "uncertainty": None},
        training={"update_ticks": ()},
        allocation={"thresholds": thresholds},
    )
    return with_policy(other, policy, metadata, source=str(checkpoint))


def compare_with(recording: Recording, run: Run) -> Comparison:
    """Compare a replay with its recording, print the comparison and write it into the replay's folder.

    Raises:
        InputError: the replay has no recording.
    """
    comparison = compare(recording, read_recording(run.folder))
    (run.folder / COMPARISON).write_text(json.dumps(comparison.summary(), indent=1) + "\n", encoding="utf-8")
    for kind, likeness in comparison.parts.items():
        print(f"{kind:>16}  {likeness}")
    return comparison
