"""A driver of robots that speak ROS 2 already: their contract says which of their topics mean what.

N robots, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Empty

from fleet_contract.action import ActionKind
from fleet_contract.fields import LAYOUTS
from fleet_contract.message_types import message_class
from fleet_contract.robot import RobotContract
from fleet_contract.translation import fill_command, picture_of
from robot_driver.native_robot import NativeRobot
from robot_driver.orders import checked_actions
from robot_driver.step import Step
from robot_driver.track import now

HEARD = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Publishers of either kind are heard, and what is late is of no use."""
TOLD = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
BEAT_S = 0.01
LAST_WORDS_S = 0.5
"""Time that the last command has to arrive before its publisher is gone."""
AT_ONCE = {"trajectory_msgs/msg/JointTrajectory"}
"""Commands whose stamp would be the time at which they begin; none means now."""
BACK = "is back, and waits to be readmitted"


class TopicDriver:
    """`RobotDriver` over the robots' own topics, on a node that somebody spins.

    An action lasts one tick; then the robot holds, and is observed when it rests. Robots that are driven continuously are
    observed as they move, and hold when the next action has not come within another tick.
    """

    def __init__(self, node: Node, contract: RobotContract, names: tuple[str, ...], *, continuous: bool) -> None:
        """`names` are the robots' namespaces.

        Raises:
            BadInput: the contract does not name the robots' own topics.
        """
        self._contract, self._native, self._names, self._node = contract, contract.require_native(), names, node
        self._tick_s = 1 / contract.rate_hz
        self._continuous = continuous
        command = message_class(self._native.action.type)
        self._commands = [node.create_publisher(command, f"{name}/{self._native.action.topic}", TOLD) for name in names]
        reset = self._native.hard_reset
        self._resets = [node.create_publisher(Empty, f"{name}/{reset.topic}", TOLD) for name in names] if reset else []
        self._robots = [
            NativeRobot(
                name,
                contract,
                partial(self._send, publisher),
                longest_s=self._tick_s * (2 if continuous else 1),
                rests=not continuous,
            )
            for name, publisher in zip(names, self._commands, strict=True)
        ]
        self._counted_N = np.zeros(len(names), dtype=np.int64)
        self._reset_N = np.zeros(len(names), dtype=np.bool_)
        self._told: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = self._nothing, self._nothing
        self._pictures: list[tuple[Any, NDArray[np.uint8]] | None] = [None] * len(names)

    @property
    def contract(self) -> RobotContract:
        """See `RobotDriver.contract`."""
        return self._contract

    @property
    def robots(self) -> int:
        """See `RobotDriver.robots`."""
        return len(self._robots)

    def start(self, seed: int) -> None:  # noqa: ARG002 - nothing here is drawn at random
        """See `RobotDriver.start`."""
        instant = now()
        for name, robot in zip(self._names, self._robots, strict=True):
            robot.start(instant)
            for topic, kind in {stream.topic: stream.type for stream in self._native.streams}.items():
                heard = partial(self._hear, robot, topic)
                self._node.create_subscription(message_class(kind), f"{name}/{topic}", heard, HEARD)
        self._node.create_timer(BEAT_S, self._beat, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        """See `RobotDriver.begin`."""
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        self._told = None
        self._reset_N = np.asarray(kinds_N) == ActionKind.HARD_RESET
        instant = now()
        for index, robot in enumerate(self._robots):
            if robot.unreachable:
                continue
            if kinds_N[index] == ActionKind.MOVE and not robot.violated(instant):
                robot.move(actions_NA[index], instant)
                continue
            robot.hold(instant)
            if self._reset_N[index]:
                robot.expect_reset(instant)
                for publisher in self._resets[index : index + 1]:
                    publisher.publish(Empty())

    def observed(self) -> Step | None:
        """See `RobotDriver.observed`."""
        self._beat()
        instant, states_NS = now(), np.zeros((self.robots, self._contract.state_dim))
        for index, robot in enumerate(self._robots):
            if robot.unreachable:
                continue
            state_S = robot.state(instant)
            if state_S is None or not self._look(index):
                return None
            states_NS[index] = state_S
        if self._told is None:
            self._told = self._since_begin()
        succeeded_N, terminated_N = self._told
        return Step(
            states_NS=states_NS,
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N.copy(),
            violated_N=np.array([robot.violated(instant) for robot in self._robots]),
            terminated_N=terminated_N.copy(),
            truncated_N=np.zeros_like(terminated_N),
        )

    def stop(self) -> None:
        """See `RobotDriver.stop`."""
        instant = now()
        for robot in self._robots:
            robot.hold(instant)

    def unreachable(self) -> tuple[str, ...]:
        """See `RobotDriver.unreachable`."""
        self._beat()
        instant = now()
        return tuple(
            robot.unreachable and (robot.objection(instant) or f"{BACK}; it was lost: {robot.unreachable}")
            for robot in self._robots
        )

    def readmit(self, robot: int) -> str:
        """See `RobotDriver.readmit`."""
        self._robots[robot].readmit(now())
        return self.unreachable()[robot]

    def images(self) -> NDArray[np.uint8]:
        """See `RobotDriver.images`."""
        if self._contract.observation.camera is None:
            raise RuntimeError("the contract has no camera")
        shape = self._contract.observed_shape("camera")
        return np.stack([picture[1] if picture else np.zeros(shape, np.uint8) for picture in self._pictures])

    def video(self, robot: int) -> NDArray[np.uint8]:
        """See `RobotDriver.video`; black where there is no picture."""
        if self._contract.operation is None:
            raise RuntimeError(f"the contract has no operation, so there is no video of robot {robot}")
        video, message = self._contract.operation.video, self._robots[robot].picture(now())
        try:
            return picture_of(message, width=video.width, height=video.height, encoding="rgb8")
        except (ValueError, AttributeError):
            return np.zeros((video.height, video.width, 3), np.uint8)

    def camera_matrix(self) -> NDArray[np.float64]:
        """Zeros, as ROS says of cameras that are not calibrated: the contract does not tell.

        Raises:
            RuntimeError: the contract has no camera.
        """
        if self._contract.observation.camera is None:
            raise RuntimeError("the contract has no camera")
        return np.zeros((3, 3))

    def close(self) -> None:
        """See `RobotDriver.close`."""
        self.stop()
        end = time.monotonic() + LAST_WORDS_S
        for publisher in self._commands:
            publisher.wait_for_all_acked(Duration(seconds=max(0.0, end - time.monotonic())))

    @property
    def _nothing(self) -> NDArray[np.bool_]:
        return np.zeros(len(self._names), dtype=np.bool_)

    def _beat(self) -> None:
        instant = now()
        for robot in self._robots:
            robot.beat(instant)

    @staticmethod
    def _hear(robot: NativeRobot, topic: str, message: Any) -> None:
        robot.hear(topic, message, now())

    def _send(self, publisher: Publisher[Any], values_A: NDArray[np.float64]) -> None:
        action = self._native.action
        message = message_class(action.type)()
        fill_command(message, values_A, self._contract, duration_s=self._tick_s)
        if LAYOUTS[action.type].stamped and action.type not in AT_ONCE:
            message.header.stamp = self._node.get_clock().now().to_msg()
        publisher.publish(message)

    def _since_begin(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Who has succeeded, and whose episode has ended, since they were asked about last."""
        successes_N = np.array([robot.successes for robot in self._robots])
        succeeded_N, self._counted_N = successes_N > self._counted_N, successes_N
        return succeeded_N, succeeded_N | self._reset_N

    def _look(self, index: int) -> bool:
        """Whether the robot's picture can be seen, if it has to; a robot whose picture cannot is lost."""
        camera = self._contract.observation.camera
        if camera is None:
            return True
        robot, instant = self._robots[index], now()
        message, seen = robot.picture(instant), self._pictures[index]
        if message is None:
            return False
        if seen and seen[0] is message:
            return True
        try:
            pixels = picture_of(message, width=camera.width, height=camera.height, encoding=camera.encoding)
        except ValueError as error:
            robot.lose(f"its picture cannot be used: {error}", instant)
            return False
        self._pictures[index] = message, pixels
        return True
