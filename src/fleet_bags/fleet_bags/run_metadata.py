"""What a bag says about the run that it holds."""

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
    """Fleet and robots of a recorded run."""

    fleet: Fleet
    contract: RobotContract
    seed: int

    @property
    def robots(self) -> tuple[str, ...]:
        """Names, in the order of all arrays."""
        return self.fleet.robot_names


def read_run_metadata(bag: Path) -> RunMetadata:
    """What the recorder wrote about the run.

    Raises:
        BadInput: the bag is not of a run of the fleet.
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
            f"{bag}: custom_data found no fleet and contract, allowed is a bag that the fleet's recorder wrote; "
            "of others ./fleet dataset build --map makes a training set."
        ) from None
    return RunMetadata(
        fleet=validated(fleet, Fleet, source=f"{bag} (fleet)"),
        contract=validated(contract, RobotContract, source=f"{bag} (contract)"),
        seed=seed,
    )
