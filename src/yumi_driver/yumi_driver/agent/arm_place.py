"""One arm with all that belongs to it: camera, orders, and a thread that plans its ways."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from yumi_driver.agent.arm import GuidedArm
from yumi_driver.agent.camera import Camera
from yumi_driver.agent.orders import Orders

if TYPE_CHECKING:
    from contextlib import ExitStack

    from yumi_driver.agent.hearing import Hearing
    from yumi_driver.cell import ArmConfig
    from yumi_driver.limits import Limits


class ArmPlace:
    """Lives as long as the context that it is made in."""

    def __init__(
        self, config: ArmConfig, controller: str, limits: Limits, hearing: Hearing, context: ExitStack
    ) -> None:
        """`controller` is the address of the robot's controller."""
        self.half_m = config.workspace.half_m
        self.orders = Orders(config, limits)
        self.camera = Camera(config.camera, lambda: hearing.beat)
        context.callback(self.camera.close)
        self._picture_s = limits.picture_s.value
        self._hearing = hearing
        self.guided = GuidedArm(controller, config.egm_port, limits, self._doubt)
        context.callback(self.guided.close)
        self.planner = context.enter_context(ThreadPoolExecutor(1))

    def _doubt(self) -> str:
        if self.camera.age_s > self._picture_s:
            return f"the camera has stood still for {self._picture_s:g} s"
        return self._hearing.doubt
