"""A run of a fleet that is ready to start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleet_common.address import Address
from fleet_contract.fleet import Fleet


@dataclass(frozen=True)
class Run:
    """A run that is ready to start."""

    folder: Path
    """Folder of the run, with the resolved fleet file in it."""
    fleet: Fleet
    """The resolved fleet: nothing in it has to be looked up elsewhere."""
    ticks: int
    """Number of ticks after which the run ends; 0 runs until it is stopped."""
    seed: int
    """Seed of simulation, sampling, training and tie-breaking."""
    record: bool
    """Whether the run is recorded into a bag."""
    params_file: Path | None
    """ROS 2 parameter file for all nodes."""
    windows: bool
    """Whether the operators' windows open on this machine."""
    foxglove: Address | None
    """Address of the Foxglove server; None if there is none."""
