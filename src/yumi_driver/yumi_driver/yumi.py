"""The arms behind one gateway as robots of the fleet that push cubes.

N arms, I some of them, S state dim, A action dim, H rows and W columns of pictures.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from fleet_contract.action import ActionKind
from robot_driver.action_check import checked_actions
from robot_driver.driver import RobotDriver
from sim_bridge.push.geometry import PushGeometry
from sim_bridge.push.plan import plan_pushes
from sim_bridge.push.rules import PushRules
from sim_bridge.push.task import push_camera, require_push_contract
from sim_bridge.push.view import camera_matrix
from yumi_driver.arm_view import ArmPhase, ArmView
from yumi_driver.overhead import Overhead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from robot_driver.step import Step
    from yumi_driver.gateways import GatewayArm
    from yumi_driver.link import Link

START_S = 30.0
"""Seconds after which the fleet starts without arms that have not connected."""
TOUCHES_M = 0.001
"""Distance up to which a cube counts as touching the obstacle or a wall, m."""


class YumiDriver(RobotDriver):
    """`RobotDriver` of the arms behind a gateway. The goals exist only in the pictures, into which they are drawn."""

    def __init__(
        self, contract: RobotContract, link: Link, arms: Sequence[GatewayArm], log: Callable[[str], None]
    ) -> None:
        """Raise InputError if the contract's quantities are not those of the task."""
        require_push_contract(contract)
        self._contract = contract
        self._camera = push_camera(contract)
        self._geometry = PushGeometry.of(contract)
        self._link = link
        self._arms = [ArmView(arm.name, Overhead(arm.corners, self._geometry), link, log) for arm in arms]
        self._rules = PushRules(contract, len(arms))
        self._poses_N3 = np.full((len(arms), 3), self._geometry.workspace_half_m / 2)
        self._pushed_N = self._no_arm()
        self._reset_N = self._no_arm()
        self._new_N = ~self._no_arm()
        self._started = False
        self._began_s: float | None = None
        self._step: Step | None = None

    @property
    @override
    def contract(self) -> RobotContract:
        return self._contract

    @property
    @override
    def robots(self) -> int:
        return len(self._arms)

    @override
    def start(self, seed: int) -> None:
        """Expect all arms: they are readmitted as soon as they connect. Nothing is random."""
        self._started, self._began_s = False, None

    @override
    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        self._update()
        present_N = np.array([not arm.reason for arm in self._arms])
        self._pushed_N = self._rules.pushes(kinds_N, actions_NA) & present_N
        self._reset_N = (np.asarray(kinds_N) == ActionKind.HARD_RESET) & present_N
        self._step = None
        for robot in np.flatnonzero(present_N):
            self._command(int(robot), actions_NA[robot])

    @override
    def observed(self) -> Step | None:
        self._update()
        if self._starting() or any(arm.busy for arm in self._arms):
            return None
        back_N = np.array([not arm.reason for arm in self._arms]) & self._new_N
        if self._step is None or back_N.any():
            self._step = self._judged(back_N)
        return self._step

    @override
    def stop(self) -> None:
        self._link.stop()

    @override
    def unreachable(self) -> tuple[str, ...]:
        self._update()
        return tuple(arm.reason for arm in self._arms)

    @override
    def readmit(self, robot: int) -> str:
        arm = self._arms[robot]
        if self._link.fault:
            return self._link.fault
        if arm.phase is ArmPhase.UNREACHABLE:
            arm.readmit()
        return ""

    @override
    def images(self) -> NDArray[np.uint8]:
        size = self._camera.width, self._camera.height
        pictures_NHW3 = np.stack([self._straight(robot, arm.picture_HW3, size) for robot, arm in enumerate(self._arms)])
        return pictures_NHW3 if self._camera.encoding == "rgb8" else pictures_NHW3[..., ::-1].copy()

    @override
    def video(self, robot: int) -> NDArray[np.uint8]:
        if self._contract.operation is None:
            raise RuntimeError("the contract has no operation")
        video, picture = self._contract.operation.video, self._link.picture(self._arms[robot].name)
        now_HW3 = picture.pixels_HW3 if picture else self._arms[robot].picture_HW3
        return self._straight(robot, now_HW3, (video.width, video.height))

    @override
    def camera_matrix(self) -> NDArray[np.float64]:
        return camera_matrix(self._camera.width, self._camera.height, self._geometry)

    @override
    def close(self) -> None:
        self._link.close()

    def _starting(self) -> bool:
        """Return whether the fleet still waits for arms to connect."""
        if self._started:
            return False
        now_s = time.monotonic()
        self._began_s = now_s if self._began_s is None else self._began_s
        late = now_s - self._began_s > START_S
        for arm in self._arms:
            if arm.phase is ArmPhase.EXPECTED and not self._link.fault:
                arm.readmit()
            elif arm.phase is ArmPhase.EXPECTED and late:
                arm.give_up(self._link.fault)
        self._started = late or all(arm.phase in {ArmPhase.UNREACHABLE, ArmPhase.OBSERVED} for arm in self._arms)
        return not self._started

    def _update(self) -> None:
        for robot, arm in enumerate(self._arms):
            arm.update()
            self._new_N[robot] |= bool(arm.reason)

    def _command(self, robot: int, action_A: NDArray[np.float64]) -> None:
        """Give one arm its command. An arm that was stopped elsewhere parks first; its action is dropped."""
        arm = self._arms[robot]
        if self._pushed_N[robot] and arm.parked and arm.cube_3 is not None:
            push = plan_pushes(arm.cube_3[None], action_A[None], self._geometry)
            x_m, y_m = push.starts_I2[0].tolist()
            arm.push((x_m, y_m), float(push.yaws_I[0]), float(push.travels_I[0]))
        elif self._pushed_N[robot] or self._reset_N[robot]:
            self._pushed_N[robot] = False
            arm.park()
        else:
            arm.hold()

    def _judged(self, back_N: NDArray[np.bool_]) -> Step:
        """Return the outcome of the step; readmitted arms start a new episode."""
        present_N = np.array([not arm.reason for arm in self._arms])
        parked_N = present_N & np.array([arm.parked for arm in self._arms])
        seen_N = present_N & np.array([arm.cube_3 is not None for arm in self._arms])
        for robot in np.flatnonzero(seen_N):
            self._poses_N3[robot] = self._arms[robot].cube_3
        touched_N = self._rules.task.touching(self._poses_N3, TOUCHES_M) | ~seen_N
        right_I = np.flatnonzero((self._reset_N | back_N) & seen_N)
        self._rules.put_right(right_I, self._poses_N3[right_I, :2])
        hidden_N = parked_N & ~seen_N
        succeeded_N = self._rules.judge(
            self._pushed_N & parked_N & ~back_N | hidden_N, touched_N, self._poses_N3, np.ones(self.robots)
        )
        outcome = self._rules.outcome(self._poses_N3, succeeded_N, self._reset_N)
        self._pushed_N, self._reset_N = self._no_arm(), self._no_arm()
        self._new_N &= ~back_N
        return outcome

    def _straight(self, robot: int, picture_HW3: NDArray[np.uint8] | None, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the picture from straight above with the goal; black before the first picture of the arm."""
        if picture_HW3 is None:
            return np.zeros((size[1], size[0], 3), dtype=np.uint8)
        overhead = self._arms[robot].overhead
        return overhead.with_goal(overhead.straight(picture_HW3, *size), self._rules.task.goals_N2[robot])

    def _no_arm(self) -> NDArray[np.bool_]:
        return np.zeros(len(self._arms), dtype=np.bool_)
