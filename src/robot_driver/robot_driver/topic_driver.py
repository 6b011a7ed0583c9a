"""A driver of robots that already have ROS 2 topics, which the contract describes.

N robots, A action dim.
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
from typing_extensions import override

from fleet_contract.action import ActionKind
from fleet_contract.fields import LAYOUTS
from fleet_contract.message_types import message_class
from fleet_contract.robot import RobotContract
from fleet_contract.translation import fill_command, picture_of
from robot_driver.action_check import checked_actions
from robot_driver.driver import RobotDriver
from robot_driver.native_robot import NativeRobot
from robot_driver.step import Step
from robot_driver.topic_series import now

SUBSCRIBED = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""QoS profile of subscriptions: it matches reliable and best-effort publishers, and late messages are dropped."""
PUBLISHED = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
"""QoS profile of commands: only the latest one counts."""
UPDATE_S = 0.01
"""Period, s, at which commands are repeated and silence is detected."""
FLUSH_S = 0.5
"""Time, s, that the last commands have to arrive before their publishers are destroyed."""
UNSTAMPED = {"trajectory_msgs/msg/JointTrajectory"}
"""Types of commands whose stamp is the time at which the motion starts. Without a stamp it starts immediately."""
NOT_READMITTED = "reachable again, waiting to be readmitted"


class TopicDriver(RobotDriver):
    """Drives robots over their own topics, on a node that the caller spins.

    An action lasts one tick; then the robot holds, and is observed at rest. With continuous driving, robots are observed while they
    move, and hold if the next action has not arrived within another tick.
    """

    def __init__(self, node: Node, contract: RobotContract, names: tuple[str, ...], *, continuous: bool) -> None:
        """Create the publishers of commands; `names` are the robots' namespaces.

        Raises:
            InputError: the contract does not name the robots' own topics.
        """
        self._contract, self._native, self._names, self._node = contract, contract.require_native(), names, node
        self._tick_s = 1 / contract.rate_hz
        command = message_class(self._native.action.type)
        self._commands = [
            node.create_publisher(command, f"{name}/{self._native.action.topic}", PUBLISHED) for name in names
        ]
        reset = self._native.hard_reset
        self._resets = (
            [node.create_publisher(Empty, f"{name}/{reset.topic}", PUBLISHED) for name in names] if reset else []
        )
        self._robots = [
            NativeRobot(
                name,
                contract,
                partial(self._send, publisher),
                max_motion_s=self._tick_s * (2 if continuous else 1),
                observe_at_rest=not continuous,
            )
            for name, publisher in zip(names, self._commands, strict=True)
        ]
        self._counted_successes_N = np.zeros(len(names), dtype=np.int64)
        self._reset_N = np.zeros(len(names), dtype=np.bool_)
        self._outcome: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = self._nothing, self._nothing
        self._images: list[tuple[Any, NDArray[np.uint8]] | None] = [None] * len(names)

    @property
    @override
    def contract(self) -> RobotContract:
        return self._contract

    @property
    @override
    def robots(self) -> int:
        return len(self._robots)

    @override
    def start(self, seed: int) -> None:
        instant = now()
        for name, robot in zip(self._names, self._robots, strict=True):
            robot.start(instant)
            for topic, kind in {stream.topic: stream.type for stream in self._native.streams}.items():
                received = partial(self._receive, robot, topic)
                self._node.create_subscription(message_class(kind), f"{name}/{topic}", received, SUBSCRIBED)
        self._node.create_timer(UPDATE_S, self._update, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @override
    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        actions_NA = checked_actions(self._contract, self.robots, kinds_N, actions_NA)
        self._outcome = None
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

    @override
    def observed(self) -> Step | None:
        self._update()
        instant, states_NS = now(), np.zeros((self.robots, self._contract.state_dim))
        for index, robot in enumerate(self._robots):
            if robot.unreachable:
                continue
            state_S = robot.state(instant)
            if state_S is None or not self._update_image(index):
                return None
            states_NS[index] = state_S
        if self._outcome is None:
            self._outcome = self._outcome_since_begin()
        succeeded_N, terminated_N = self._outcome
        return Step(
            states_NS=states_NS,
            rewards_N=succeeded_N.astype(np.float64),
            succeeded_N=succeeded_N.copy(),
            violated_N=np.array([robot.violated(instant) for robot in self._robots]),
            terminated_N=terminated_N.copy(),
            truncated_N=np.zeros_like(terminated_N),
        )

    @override
    def stop(self) -> None:
        instant = now()
        for robot in self._robots:
            robot.hold(instant)

    @override
    def unreachable(self) -> tuple[str, ...]:
        self._update()
        instant = now()
        return tuple(
            robot.unreachable and (robot.missing(instant) or f"{NOT_READMITTED}; it was lost: {robot.unreachable}")
            for robot in self._robots
        )

    @override
    def readmit(self, robot: int) -> str:
        self._robots[robot].readmit(now())
        return self.unreachable()[robot]

    @override
    def images(self) -> NDArray[np.uint8]:
        if self._contract.observation.camera is None:
            raise RuntimeError("the contract has no camera")
        shape = self._contract.observed_shape("camera")
        return np.stack([image[1] if image else np.zeros(shape, np.uint8) for image in self._images])

    @override
    def video(self, robot: int) -> NDArray[np.uint8]:
        """Return the latest image of one robot, (H, W, 3); black if there is none."""
        if self._contract.operation is None:
            raise RuntimeError(f"the contract has no operation, so there is no video of robot {robot}")
        video, message = self._contract.operation.video, self._robots[robot].image(now())
        try:
            return picture_of(message, width=video.width, height=video.height, encoding="rgb8")
        except (ValueError, AttributeError):
            return np.zeros((video.height, video.width, 3), np.uint8)

    @override
    def camera_matrix(self) -> NDArray[np.float64]:
        """Return zeros, which in ROS means that the cameras are not calibrated: the contract has no intrinsics."""
        if self._contract.observation.camera is None:
            raise RuntimeError("the contract has no camera")
        return np.zeros((3, 3))

    @override
    def close(self) -> None:
        self.stop()
        end = time.monotonic() + FLUSH_S
        for publisher in self._commands:
            publisher.wait_for_all_acked(Duration(seconds=max(0.0, end - time.monotonic())))

    @property
    def _nothing(self) -> NDArray[np.bool_]:
        return np.zeros(len(self._names), dtype=np.bool_)

    def _update(self) -> None:
        instant = now()
        for robot in self._robots:
            robot.update(instant)

    @staticmethod
    def _receive(robot: NativeRobot, topic: str, message: Any) -> None:
        robot.receive(topic, message, now())

    def _send(self, publisher: Publisher[Any], values_A: NDArray[np.float64]) -> None:
        action = self._native.action
        message = message_class(action.type)()
        fill_command(message, values_A, self._contract, duration_s=self._tick_s)
        if LAYOUTS[action.type].stamped and action.type not in UNSTAMPED:
            message.header.stamp = self._node.get_clock().now().to_msg()
        publisher.publish(message)

    def _outcome_since_begin(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which robots have succeeded, and which episodes were terminated, since the last `begin`."""
        successes_N = np.array([robot.successes for robot in self._robots])
        succeeded_N, self._counted_successes_N = successes_N > self._counted_successes_N, successes_N
        return succeeded_N, succeeded_N | self._reset_N

    def _update_image(self, index: int) -> bool:
        """Return whether the robot's image is up to date, if it has a camera; a robot with an unusable image becomes unreachable."""
        camera = self._contract.observation.camera
        if camera is None:
            return True
        robot, instant = self._robots[index], now()
        message, latest = robot.image(instant), self._images[index]
        if message is None:
            return False
        if latest and latest[0] is message:
            return True
        try:
            pixels = picture_of(message, width=camera.width, height=camera.height, encoding=camera.encoding)
        except ValueError as error:
            robot.mark_unreachable(f"its image cannot be used: {error}", instant)
            return False
        self._images[index] = message, pixels
        return True
