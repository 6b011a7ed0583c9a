"""A lab of simulated gateways, described in a gateways file like a real lab."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import yaml

from fleet_contract.fleet import SHARED_MACHINE_TIMEOUT_S, numbered
from sim_bridge.push.geometry import PushGeometry
from sim_bridge.push.task import PushTask
from yumi_driver.limits import read_limits
from yumi_driver.simulated.gateway import ARMS, SimulatedGateway

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract

GATEWAYS = "gateways.yaml"
"""Name of the gateways file in the run's folder."""
LIMITS = "limits.yaml"
"""Name of the limits file in the run's folder."""
SHARED_MACHINE = "the simulated lab shares its processors with the fleet, and may be late without a fault"
"""Source of these timeouts in the limits file."""


def simulated_gateways(robots: int) -> dict[str, int]:
    """Return the gateways' names with the number of robots behind each."""
    names = numbered("gateway", -(-robots // len(ARMS)))
    return {name: min(len(ARMS), robots - index * len(ARMS)) for index, name in enumerate(names)}


class SimulatedGateways:
    """Runs as many gateways as the robots need, with two arms each, while its context lasts."""

    def __init__(self, folder: Path, contract: RobotContract, robots: int, seed: int) -> None:
        """Prepare the gateways; the gateways file and the keys are written into `folder`."""
        self._folder = folder.absolute()
        self._plane = contract.require_operation().plane
        geometry = PushGeometry.of(contract)
        self._task = PushTask(robots, geometry)
        self._seed = seed
        self._gateways = [
            SimulatedGateway(name, self._folder / name, geometry, self._folder / LIMITS)
            for name in simulated_gateways(robots)
        ]
        self._context = ExitStack()

    def __enter__(self) -> Self:
        """Start the gateways, then write the gateways file."""
        with ExitStack() as context:
            self._write(LIMITS, self._limits())
            for gateway in self._gateways:
                context.enter_context(gateway)
            self._cells = [cell for gateway in self._gateways for cell in gateway.cells.values()]
            for robot, pose_3 in enumerate(self._task.start(self._seed)):
                self._put(robot, pose_3)
            corners = self._plane.corners if self._plane else ()
            arms = simulated_gateways(len(self._task.goals_N2))
            entries = [gateway.entry(corners, arms[gateway.name]) for gateway in self._gateways]
            self._write(GATEWAYS, {"gateways": entries, "limits": LIMITS})
            self._context = context.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    @staticmethod
    def _limits() -> dict[str, Any]:
        """Return the package's limits with longer timeouts."""
        timeout = {"value": SHARED_MACHINE_TIMEOUT_S, "source": SHARED_MACHINE}
        times = ("silence_s", "late_s", "picture_s", "controller_timeout_s")
        return read_limits().model_dump() | {name: dict(timeout) for name in times}

    def _write(self, name: str, content: dict[str, Any]) -> None:
        """Write a file atomically."""
        partial = self._folder / f".{name}"
        partial.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        partial.rename(self._folder / name)

    def reset_cube(self, robot: int) -> None:
        """Put a robot's cube where a new episode starts."""
        (pose_3,) = self._task.reset(np.array([robot]))
        self._put(robot, pose_3)

    def _put(self, robot: int, pose_3: NDArray[np.float64]) -> None:
        x_m, y_m, yaw = pose_3.tolist()
        self._cells[robot].put(x_m, y_m, yaw)
