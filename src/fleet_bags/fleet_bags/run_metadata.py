"""Reads the metadata of a recorded run from its bag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from fleet_bags.bag_metadata import ROOT_KEY, read_metadata
from fleet_contract.fleet import Fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, StrictModel, validated


class RunMetadata(StrictModel):
    """Fleet, robots and seed of a recorded run."""

    fleet: Fleet
    contract: RobotContract
    seed: int

    @property
    def robots(self) -> tuple[str, ...]:
        """Names of the robots, in the order of all arrays."""
        return self.fleet.robot_names


def read_run_metadata(bag: Path) -> RunMetadata:
    """Return what the recorder wrote about the run.

    Raises:
        InputError: the bag is not that of a fleet's run.
    """
    try:
        custom_data: dict[str, Any] = read_metadata(bag)[ROOT_KEY]["custom_data"]
        fleet, contract, seed = (
            yaml.safe_load(custom_data["fleet"]),
            json.loads(custom_data["contract"]),
            int(custom_data.get("seed", 0)),
        )
    except (ValueError, yaml.YAMLError, KeyError, TypeError):
        raise InputError(
            f"{bag}: custom_data: expected fleet and contract as the fleet's recorder writes them, got neither; "
            "./fleet dataset build --map makes training sets from third-party bags."
        ) from None
    return RunMetadata(
        fleet=validated(fleet, Fleet, source=f"{bag} (fleet)"),
        contract=validated(contract, RobotContract, source=f"{bag} (contract)"),
        seed=seed,
    )
