"""The base class of nodes that connect a robot driver to the fleet.

N robots of the driver, A action dim.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Observation, RobotStatus
from fleet_interfaces.msg import RobotActions as ActionsMessage
from fleet_interfaces.msg import RobotStates as StatesMessage
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Bool, Header
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from typing_extensions import override

from fleet_common.health import Check, Level
from fleet_common.jpeg import FORMAT, to_jpeg
from fleet_common.node import FleetNode
from fleet_common.qos import BEST_EFFORT_1, TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100, liveliness
from fleet_common.robot_topics import RobotTopics
from fleet_common.subscriptions import subscribe
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.images import fill_message
from fleet_contract.robot import ImageStream
from fleet_contract.robot_actions import robot_actions_of
from fleet_contract.robot_states import RobotStates, fill_robot_states
from fleet_contract.topics import (
    ACTIONS_TOPIC,
    EMERGENCY_STOPPED_TOPIC,
    READMIT_SERVICE,
    RECORDING_TOPIC,
    ROBOT_STATES_TOPIC,
    STATIC_TRANSFORMS_TOPIC,
)
from robot_driver.driver import RobotDriver
from robot_driver.frames import StaticTransform, frames
from robot_driver.robot_counters import RobotCounters
from robot_driver.step import Step
from robot_driver.tick_rate import TickRate

READY_CHECK_S = 0.02
"""Period, s, at which the node checks whether the first tick can begin."""
LOG_S = 5.0
"""Period, s, at which the node logs what the first tick waits for."""
POLL_S = 0.01
"""Period, s, in lockstep, at which the node checks whether the robots have finished their actions."""
WATCH_S = 0.05
"""Period, s, at which the node checks whether all robots are reachable."""


class DriverNode(FleetNode):
    """Publishes observations of its robots, and starts their actions when all have arrived or, in real time, when they are due.

    Several such nodes can share a fleet in lockstep: each continues with the next tick when its own robots have acted, and the
    policy waits for all of them. The status of an unreachable robot says why; a readmitted robot is observed immediately.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._seed = self.read_only_parameter("seed", 0, "Seed of all randomness.")
        self._ticks = self.read_only_parameter(
            "ticks", 0, "Number of ticks after which the robots rest (0: unlimited)."
        )
        # rclpy takes an empty list for an array of bytes, so that a list with one empty string stands for it.
        await_nodes = self.read_only_parameter("await_nodes", [""], "Nodes that the first tick waits for.")
        self._await_nodes = set(filter(None, await_nodes))
        robots = self.read_only_parameter("robots", [""], "Robots that this node serves (default: all).")
        self.robots: tuple[str, ...] = tuple(filter(None, robots)) or self.fleet.robot_names
        """Names of the robots that the node serves."""

    def serve(self, driver: RobotDriver) -> None:
        """Start serving the driver's robots, which are in the order of `robots`."""
        self._driver = driver
        contract = self.robot_contract
        self._kinds_N = np.full(len(self.robots), ActionKind.HOLD, dtype=np.int64)
        self._actions_NA = np.zeros((len(self.robots), contract.action_dim))
        self._received: set[int] = set()
        self._begun = False
        self._stopped: bool | None = None
        self._tick = 0
        self._stamp = Time()
        self._counters = RobotCounters(len(self.robots))
        self._tick_rate = TickRate(contract.rate_hz, real_time=not self.lockstep, now_s=time.monotonic())
        self._unreachable = ("",) * len(self.robots)
        self._readmit_services: dict[int, Any] = {}
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._create_publishers()
        subscribe(self, ActionsMessage, ACTIONS_TOPIC, self._read_actions, self._on_actions, TRANSIENT_LOCAL_100)
        self._recorded = False
        self.create_subscription(Bool, RECORDING_TOPIC, self._on_recording, TRANSIENT_LOCAL_1)
        watched = SubscriptionEventCallbacks(liveliness=self._on_gate)
        self.create_subscription(
            Bool,
            EMERGENCY_STOPPED_TOPIC,
            self._on_stopped,
            liveliness(self.fleet.environment.gate_timeout_s),
            event_callbacks=watched,
        )
        driver.start(self._seed)
        self._publish_frames()
        self._waited_s = 0.0
        self._waits_for = "the robots"
        self._timer = self.create_timer(READY_CHECK_S, self._when_ready, clock=self._steady)

    @property
    def tick_s(self) -> float:
        """The duration of a tick in real time, s."""
        return 1 / self.robot_contract.rate_hz

    @override
    def close(self) -> None:
        """Close the driver, which leaves the robots at rest."""
        self._driver.close()

    def _create_publishers(self) -> None:
        contract, names = self.robot_contract, self.robots
        state, camera = contract.observation.state, contract.observation.camera
        self._states = self.create_publisher(StatesMessage, ROBOT_STATES_TOPIC, TRANSIENT_LOCAL_100)
        self._observations = RobotTopics(self, Observation, state.topic, names)
        self._statuses = RobotTopics(self, RobotStatus, contract.success.topic, names)
        if camera is not None:
            self._images = [
                self.create_publisher(Image, f"{name}/{camera.topic}", TRANSIENT_LOCAL_10) for name in names
            ]
            self._infos = [
                self.create_publisher(CameraInfo, f"{name}/{camera.info_topic}", TRANSIENT_LOCAL_10) for name in names
            ]
        if contract.operation is not None:
            video = contract.operation.video
            self._videos = [
                self.create_publisher(CompressedImage, f"{name}/{video.topic}", BEST_EFFORT_1) for name in names
            ]
            self.create_timer(1 / video.rate_hz, self._publish_videos, clock=self._steady)

    def _publish_frames(self) -> None:
        camera_33 = self._driver.camera_matrix() if self.robot_contract.observation.camera else None
        transforms = frames(self.robots, self.fleet.robot_names, self.robot_contract, camera_33)
        self._frames = self.create_publisher(TFMessage, STATIC_TRANSFORMS_TOPIC, TRANSIENT_LOCAL_1)
        self._frames.publish(TFMessage(transforms=[self._transform(frame) for frame in transforms]))

    def _transform(self, frame: StaticTransform) -> TransformStamped:
        (x, y, z), (qx, qy, qz, qw) = frame.position, frame.quaternion
        return TransformStamped(
            header=Header(stamp=self.get_clock().now().to_msg(), frame_id=frame.parent),
            child_frame_id=frame.name,
            transform=Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw)),
        )

    def _when_ready(self) -> None:
        missing = self._missing()
        self._waits_for = missing or "the robots"
        # Robots may move to their start posture when they are observed for the first time.
        step = None if missing else self._driver.observed()
        if step is None:
            self._waited_s += READY_CHECK_S
            if self._waited_s >= LOG_S:
                self._waited_s = 0.0
                self.get_logger().info(f"the first tick waits for {self._waits_for}")
            return
        self._timer.destroy()
        self._waits_for = ""
        self._step, self._unreachable = step, self._driver.unreachable()
        self._publish()
        self.diagnose()
        self.create_timer(WATCH_S, self._watch, clock=self._steady)
        if self.lockstep:
            self._timer = self.create_timer(POLL_S, self._finish, clock=self._steady, autostart=False)
        else:
            self._timer = self.create_timer(self.tick_s, self._end_of_tick, clock=self._steady)

    def _missing(self) -> str:
        """Return what the first tick still waits for, among the awaited nodes; empty if it can begin."""
        missing = self._await_nodes - set(self.get_node_names())
        if missing:
            return ", ".join(sorted(missing))
        if "gate" in self._await_nodes and self._stopped is None:
            return "the gate to publish the emergency stop"
        if self._stopped:
            return "the emergency stop to be reset"
        return "the recorder to receive all cameras" if "recorder" in self._await_nodes and not self._recorded else ""

    def _on_recording(self, message: Bool) -> None:
        self._recorded = message.data

    def _on_stopped(self, message: Bool) -> None:
        """Stop all robots at an emergency stop, and drop the actions that have not started."""
        self._stopped = message.data
        if message.data:
            self._kinds_N[:] = ActionKind.HOLD
            self._driver.stop()

    def _on_gate(self, event: QoSLivelinessChangedInfo) -> None:
        """Stop all robots when the gate is gone, because it could not stop them any more."""
        if event.alive_count_change < 0 and event.alive_count == 0:
            self._driver.stop()

    def _read_actions(self, message: ActionsMessage) -> dict[str, RobotAction]:
        """Return the actions of a message by robot; all robots of an invalid message hold, and the fleet need not wait for them."""
        try:
            return robot_actions_of(message, self.fleet.robot_names)
        except ValueError as error:
            self.get_logger().error(f"{ACTIONS_TOPIC}: {error}")
            hold = RobotAction(message.tick, ActionKind.HOLD, ActionSource.NOBODY, reason=str(error))
            return dict.fromkeys(message.robots, hold)

    def _on_actions(self, batches: list[dict[str, RobotAction]]) -> None:
        """Start the actions when all robots have received theirs."""
        for batch in batches:
            for robot, name in enumerate(self.robots):
                action = batch.get(name)
                if action and action.tick == self._tick and robot not in self._received and not self._begun:
                    self._received.add(robot)
                    self._kinds_N[robot] = self._accept(robot, action)
        if len(self._received) == len(self.robots) and not self._begun:
            self._begin()
            if self.lockstep:
                self._timer.reset()
                self._finish()

    def _accept(self, robot: int, action: RobotAction) -> ActionKind:
        """Store an action and return its kind; HOLD if it is invalid, the robot's last protection against other nodes' errors."""
        if self._stopped:
            return ActionKind.HOLD
        if action.kind is ActionKind.MOVE:
            values_A = np.asarray(action.values)
            low_A, high_A = self.robot_contract.action_low_A, self.robot_contract.action_high_A
            if values_A.shape != low_A.shape or not ((values_A >= low_A) & (values_A <= high_A)).all():
                return ActionKind.HOLD
            self._actions_NA[robot] = values_A
        return action.kind

    def _begin(self) -> None:
        self._begun = True
        self._driver.begin(self._kinds_N, self._actions_NA)

    def _end_of_tick(self) -> None:
        """End a tick in real time; robots that have received no action hold."""
        if self._ticks and self._tick >= self._ticks:
            return
        if not self._begun:
            self._begin()
        self._finish()

    def _finish(self) -> None:
        """Continue with the next tick, if all robots have finished their actions."""
        step, unreachable = self._observe()
        if step is None:
            return
        if self.lockstep:
            self._timer.cancel()
        self._step = step
        self._counters.add(step)
        self._tick += 1
        self._tick_rate.add_tick(time.monotonic())
        self._begun = False
        self._received.clear()
        self._kinds_N[:] = ActionKind.HOLD
        changed, self._unreachable = unreachable != self._unreachable, unreachable
        self._publish()
        if changed:
            self.diagnose()

    def _observe(self) -> tuple[Step | None, tuple[str, ...]]:
        """Return the outcome of the actions and who is unreachable; a robot that is readmitted meanwhile is not observed yet."""
        before, step, after = self._driver.unreachable(), self._driver.observed(), self._driver.unreachable()
        return step, tuple(was or reason for was, reason in zip(before, after, strict=True))

    def _watch(self) -> None:
        """Publish the status of robots that were lost immediately, and of readmitted robots between two motions."""
        step, unreachable = (None, self._driver.unreachable()) if self._begun or self._resting else self._observe()
        changed = [robot for robot, reason in enumerate(unreachable) if reason != self._unreachable[robot]]
        lost = [robot for robot in changed if unreachable[robot]]
        self._kinds_N[lost] = ActionKind.HOLD
        published = changed if step is not None else lost
        if not published:
            return
        if step is not None:
            self._step = step
        self._unreachable = tuple(
            reason if robot in published else self._unreachable[robot] for robot, reason in enumerate(unreachable)
        )
        self._publish(published)
        self.diagnose()

    @property
    def _resting(self) -> bool:
        return bool(self._ticks) and self._tick >= self._ticks

    def _publish(self, robots: list[int] | None = None) -> None:
        """Publish images, observations and statuses of the tick; only statuses of unreachable robots and after the last tick."""
        if robots is None:
            robots = list(range(len(self.robots)))
            self._stamp = self.get_clock().now().to_msg()
        present = [] if self._resting else [robot for robot in robots if not self._unreachable[robot]]
        camera = self.robot_contract.observation.camera
        if camera is not None and present:
            self._publish_images(camera, present)
        states, message = self._states_of(robots, present), StatesMessage()
        fill_robot_states(message, states)
        self._states.publish(message)
        for row, robot in enumerate(robots):
            name = self.robots[robot]
            self._statuses.publish(name, partial(_status_message, states, row))
            if robot in present:
                self._observations.publish(name, partial(_observation_message, states, row))
            if self._unreachable[robot] and robot not in self._readmit_services:
                on_readmit = partial(self._on_readmit, robot)
                self._readmit_services[robot] = self.create_service(Trigger, f"{name}/{READMIT_SERVICE}", on_readmit)

    def _states_of(self, robots: list[int], present: list[int]) -> RobotStates:
        """Return the states of some robots, of which those that are `present` are observed."""
        states_NS = np.full_like(self._step.states_NS, np.nan)
        states_NS[present] = self._step.states_NS[present]
        return RobotStates(
            tick=self._tick,
            stamp=self._stamp,
            robots=tuple(self.robots[robot] for robot in robots),
            states_NS=states_NS[robots],
            episodes_N=self._counters.episodes_N[robots],
            violated_N=self._step.violated_N[robots],
            succeeded_N=self._step.succeeded_N[robots],
            rewards_N=self._step.rewards_N[robots],
            successes_N=self._counters.successes_N[robots],
            hard_resets_N=self._counters.hard_resets_N[robots],
            unreachable=tuple(self._unreachable[robot] for robot in robots),
            resting=self._resting,
        )

    def _publish_images(self, camera: ImageStream, robots: list[int]) -> None:
        pixels_NHWC = self._driver.images()
        for robot in robots:
            header = Header(stamp=self._stamp, frame_id=f"{self.robots[robot]}/camera_optical_frame")
            image = Image(header=header)
            fill_message(image, pixels_NHWC[robot], camera.encoding)
            self._images[robot].publish(image)
            self._infos[robot].publish(self._camera_info(camera, header))

    def _publish_videos(self) -> None:
        """Publish the video of reachable robots that has a subscriber."""
        for robot, publisher in enumerate(self._videos):
            if publisher.get_subscription_count() and not self._driver.unreachable()[robot]:
                header = Header(
                    stamp=self.get_clock().now().to_msg(), frame_id=f"{self.robots[robot]}/camera_optical_frame"
                )
                jpeg = array("B", to_jpeg(self._driver.video(robot)))
                publisher.publish(CompressedImage(header=header, format=FORMAT, data=jpeg))

    @override
    def checks(self) -> Sequence[Check]:
        """Return the checks of the tick rate and, after the first tick has begun, of every robot's presence."""
        ticks = self._tick_rate.check(time.monotonic(), waits_for=self._waits_for, resting=self._resting)
        presence = [
            Check("presence", Level.ERROR if reason else Level.OK, reason or "present", hardware_id=name)
            for name, reason in zip(self.robots, self._unreachable, strict=True)
        ]
        return [ticks] if self._waits_for else [ticks, *presence]

    def _on_readmit(self, robot: int, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        refusal = "emergency stop" if self._stopped else self._driver.readmit(robot)
        response.success, response.message = not refusal, refusal or "is coming back"
        return response

    def _camera_info(self, camera: ImageStream, header: Header) -> CameraInfo:
        """Return the camera's calibration: a pinhole without distortion."""
        k = self._driver.camera_matrix()
        rectified = np.hstack([k, np.zeros((3, 1))])
        return CameraInfo(
            header=header,
            height=camera.height,
            width=camera.width,
            distortion_model="plumb_bob",
            d=[0.0] * 5,
            k=k.ravel().tolist(),
            r=np.eye(3).ravel().tolist(),
            p=rectified.ravel().tolist(),
        )


def _header(states: RobotStates, row: int) -> Header:
    return Header(stamp=states.stamp, frame_id=f"{states.robots[row]}/base_link")


def _observation_message(states: RobotStates, row: int) -> Observation:
    """Return the observation of one of the robots as a message of its own."""
    return Observation(
        header=_header(states, row),
        tick=states.tick,
        episode=int(states.episodes_N[row]),
        values=states.states_NS[row].tolist(),
    )


def _status_message(states: RobotStates, row: int) -> RobotStatus:
    """Return the status of one of the robots as a message of its own."""
    return RobotStatus(
        header=_header(states, row),
        tick=states.tick,
        episode=int(states.episodes_N[row]),
        violated=bool(states.violated_N[row]),
        succeeded=bool(states.succeeded_N[row]),
        reward=float(states.rewards_N[row]),
        successes=int(states.successes_N[row]),
        hard_resets=int(states.hard_resets_N[row]),
        unreachable=states.unreachable[row],
        resting=states.resting,
    )
