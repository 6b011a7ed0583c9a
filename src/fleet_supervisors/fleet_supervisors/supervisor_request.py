"""A request for a scripted supervisor: what the entry points of the group `fleet.supervisors` are called with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet_contract.robot import RobotContract


@dataclass(frozen=True)
class SupervisorRequest:
    """What a scripted supervisor is made for."""

    task: str
    """Task of the robots, as `environment.task` names it."""
    style: str
    """Style of the supervisor, as `supervisors.styles` names it."""
    contract: RobotContract
    """Contract of the robots."""
    generator: np.random.Generator
    """Source of the supervisor's random choices."""
