"""One arm of the agent: its motion, its camera, and a thread that plans its paths."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from yumi_driver.agent.arm import GuidedArm
from yumi_driver.agent.camera import Camera
from yumi_driver.agent.path_planner import PathPlanner

if TYPE_CHECKING:
    from contextlib import ExitStack

    from yumi_driver.agent.heartbeat_monitor import HeartbeatMonitor
    from yumi_driver.cell import ArmConfig
    from yumi_driver.limits import Limits


class ArmSystem:
    """Runs one arm until the context ends that it was created in."""

    def __init__(
        self, config: ArmConfig, controller: str, limits: Limits, heartbeats: HeartbeatMonitor, context: ExitStack
    ) -> None:
        """Open the arm's port and camera; `controller` is the IP address of the robot's controller."""
        self.half_m = config.workspace.half_m
        self.path_planner = PathPlanner(config, limits)
        self.camera = Camera(config.camera, lambda: heartbeats.newest)
        context.callback(self.camera.close)
        self._picture_s = limits.picture_s.value
        self._heartbeats = heartbeats
        self.guided = GuidedArm(controller, config.egm_port, limits, self._fault)
        context.callback(self.guided.close)
        self.executor = context.enter_context(ThreadPoolExecutor(1))

    def _fault(self) -> str:
        if self.camera.age_s > self._picture_s:
            return f"the camera has sent no new picture for {self._picture_s:g} s"
        return self._heartbeats.fault
