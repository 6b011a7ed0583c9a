"""One simulated gateway PC with its robot: controller, cells under the arms, cameras above them, and SSH server."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import yaml

from yumi_driver.cell import Cell, Workspace, read_cell
from yumi_driver.limits import PACKAGED, read_limits
from yumi_driver.sim_controller.real_time_pace import RealTimePace
from yumi_driver.sim_controller.simulated_controller import SimulatedController
from yumi_driver.simulated.cameras import Cameras
from yumi_driver.simulated.pushed_cell import PushedCell
from yumi_driver.simulated.ssh_server import SshServer

if TYPE_CHECKING:
    from fleet_contract.operation import Corner
    from sim_bridge.push.geometry import PushGeometry

RATE_HZ = 62.5
"""Rate of EGM, Hz: every fourth of the controller's steps, which a slow machine can follow."""
SPEED = 4.0
"""Speed of the simulated time, in units of real time."""
ARMS: dict[str, dict[str, Any]] = {
    "left": {
        "unit": "ROB_L",
        "workspace": {"middle_mm": [400, 200, 250], "yaw_deg": -90, "half_m": 0.14},
        "parked_deg": [-37.3, -25.4, 64.9, -1.4, -39.6, -38.2, 101.5],
    },
    "right": {
        "unit": "ROB_R",
        "workspace": {"middle_mm": [400, -200, 250], "yaw_deg": -90, "half_m": 0.14},
        "parked_deg": [37.3, -25.4, 64.9, 1.4, -39.6, 38.2, -101.5],
    },
}
"""Workspaces side by side before the robot; the arms reach all of them with the pusher in any direction."""


class SimulatedGateway:
    """Runs while its context lasts."""

    url: str
    """URL of the robot's controller."""

    def __init__(self, name: str, folder: Path, geometry: PushGeometry, limits: Path = PACKAGED) -> None:
        """Prepare the gateway; the cell file and the keys are written into `folder`, `limits` is the limits file."""
        self.name = name
        self._folder = folder
        self._geometry = geometry
        self._limits = limits.absolute()
        workspaces = {arm: Workspace.model_validate(config["workspace"]) for arm, config in ARMS.items()}
        self.cells = {arm: PushedCell(workspace, geometry, 1 / RATE_HZ) for arm, workspace in workspaces.items()}
        """Cells by arm."""
        self.pace = RealTimePace(1 / RATE_HZ / SPEED)
        """Timing of the controller's steps."""
        self._context = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as context:
            self._folder.mkdir(parents=True, exist_ok=True)
            limits = {"fleet_timeout_s": "1", "fleet_supervision": "100"}
            self.controller = context.enter_context(
                SimulatedController(
                    timeout_s=SPEED * read_limits(self._limits).controller_timeout_s.value,
                    rate_hz=RATE_HZ,
                    pace=self.pace,
                    start_deg_7={config["unit"]: np.array(config["parked_deg"]) for config in ARMS.values()},
                    tools={config["unit"]: self.cells[arm] for arm, config in ARMS.items()},
                    variables={
                        f"T_{config['unit']}/{name}": value
                        for config in ARMS.values()
                        for name, value in limits.items()
                    },
                )
            )
            self.cameras = Cameras(self.cells, self._geometry)
            context.callback(self.cameras.close)
            self.cell_file = self._folder / "cell.yaml"
            self.cell_file.write_text(yaml.safe_dump(self._cell(), sort_keys=False), encoding="utf-8")
            self.server = context.enter_context(SshServer(self._folder, self._command))
            self._context = context.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    @property
    def cell(self) -> Cell:
        """The cell file's content."""
        return read_cell(self.cell_file)

    def entry(self, corners: tuple[Corner, ...], arms: int = len(ARMS)) -> dict[str, Any]:
        """Return the gateway's entry in a gateways file, with this number of arms and corners of their workspaces."""
        return {
            "name": self.name,
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": self.server.user,
            "key": str(self.server.key),
            "host_key": self.server.host_key,
            "arms": [{"name": arm, "corners": [list(corner) for corner in corners]} for arm in [*ARMS][:arms]],
        }

    @property
    def _command(self) -> str:
        """Command that runs the agent, in an environment of its own except for Python's search path."""
        words = ["env", f"PYTHONPATH={os.pathsep.join(sys.path)}", "OMP_NUM_THREADS=1", sys.executable, "-m"]
        return shlex.join([*words, "yumi_driver.agent", str(self.cell_file.resolve())])

    def _cell(self) -> dict[str, Any]:
        return {
            "controller": {"url": self.controller.url},
            "limits": str(self._limits),
            "arms": {
                arm: config | {"egm_port": self.controller.egm_ports[config["unit"]], "camera": self.cameras.url(arm)}
                for arm, config in ARMS.items()
            },
        }
