"""Serves a robot driver to the fleet.

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
from fleet_interfaces.msg import Observation, RobotAction, RobotStatus
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Bool, Header
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from fleet_common.health import Check, Level
from fleet_common.jpeg import FORMAT, to_jpeg
from fleet_common.node import FleetNode
from fleet_common.qos import BEST_EFFORT_1, LIVELINESS, TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100
from fleet_contract.action import ActionKind
from fleet_contract.images import fill_message
from fleet_contract.robot import ImageStream
from robot_driver.driver import RobotDriver
from robot_driver.frames import StaticTransform, frames
from robot_driver.pace import TickRate
from robot_driver.step import Step
from robot_driver.tally import RobotCounters

READY_CHECK_S = 0.1
COMPLAIN_S = 5.0
LOOK_S = 0.01
"""Between two looks whether the robots have done what they were told."""
WATCH_S = 0.05
"""Between two looks whether all robots are there."""


class DriverNode(FleetNode):
    """Publishes what its robots observe, and lets them act when their actions have come (or are due).

    Several such nodes can share a fleet in lockstep: each goes on to the next tick when its own robots have acted, and the
    policy waits for all of them. A robot that comes back is heard at once; until then its status says why it is unreachable.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._seed = self.read_only_parameter("seed", 0, "Seed of what is random.")
        self._ticks = self.read_only_parameter("ticks", 0, "Ticks after which the robots rest; 0: they never do.")
        self._awaited = {
            node
            for node in self.read_only_parameter("await_nodes", [""], "Nodes that the first tick waits for.")
            if node
        }
        own = [
            robot
            for robot in self.read_only_parameter("robots", [""], "Robots that this node serves; none: all.")
            if robot
        ]
        self.robots: tuple[str, ...] = tuple(own) or self.fleet.robot_names
        """Names of the robots that the node serves."""

    def serve(self, driver: RobotDriver) -> None:
        """Serve these robots from now on; their order is that of `robots`."""
        self._driver = driver
        contract = self.robot_contract
        self._kinds_N = np.full(len(self.robots), ActionKind.HOLD, dtype=np.int64)
        self._actions_NA = np.zeros((len(self.robots), contract.action_dim))
        self._heard: set[int] = set()
        self._begun = False
        self._stopped: bool | None = None
        self._tick = 0
        self._stamp = Time()
        self._tally = RobotCounters(len(self.robots))
        self._pace = TickRate(contract.rate_hz, real_time=not self.lockstep, now_s=time.monotonic())
        self._unreachable = ("",) * len(self.robots)
        self._readmit_services: dict[int, Any] = {}
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._offer()
        for robot, name in enumerate(self.robots):
            heard = partial(self._on_action, robot)
            self.create_subscription(RobotAction, f"{name}/{contract.action.topic}", heard, TRANSIENT_LOCAL_1)
        self._recorded = False
        self.create_subscription(Bool, "fleet/recording", self._on_recording, TRANSIENT_LOCAL_1)
        watched = SubscriptionEventCallbacks(liveliness=self._on_gate)
        self.create_subscription(Bool, "fleet/emergency_stopped", self._on_stopped, LIVELINESS, event_callbacks=watched)
        driver.start(self._seed)
        self._publish_frames()
        self._waited_s = 0.0
        self._awaits = "the robots"
        self._timer = self.create_timer(READY_CHECK_S, self._when_ready, clock=self._steady)

    @property
    def tick_s(self) -> float:
        """Real time: how long a tick lasts."""
        return 1 / self.robot_contract.rate_hz

    def close(self) -> None:
        """Leave the robots at rest."""
        self._driver.close()

    def _offer(self) -> None:
        contract, names = self.robot_contract, self.robots
        state, camera = contract.observation.state, contract.observation.camera
        self._observations = [
            self.create_publisher(Observation, f"{name}/{state.topic}", TRANSIENT_LOCAL_100) for name in names
        ]
        self._statuses = [
            self.create_publisher(RobotStatus, f"{name}/{contract.success.topic}", TRANSIENT_LOCAL_100)
            for name in names
        ]
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
        found = frames(self.robots, self.fleet.robot_names, self.robot_contract, camera_33)
        self._frames = self.create_publisher(TFMessage, "/tf_static", TRANSIENT_LOCAL_1)
        self._frames.publish(TFMessage(transforms=[self._transform(frame) for frame in found]))

    def _transform(self, frame: StaticTransform) -> TransformStamped:
        (x, y, z), (qx, qy, qz, qw) = frame.position, frame.quaternion
        return TransformStamped(
            header=Header(stamp=self.get_clock().now().to_msg(), frame_id=frame.parent),
            child_frame_id=frame.name,
            transform=Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw)),
        )

    def _when_ready(self) -> None:
        missing = self._missing()
        self._awaits = missing or "the robots"
        # Robots may take their starting posture when they are first looked at.
        step = None if missing else self._driver.observed()
        if step is None:
            self._waited_s += READY_CHECK_S
            if self._waited_s >= COMPLAIN_S:
                self._waited_s = 0.0
                self.get_logger().info(f"the first tick waits for {self._awaits}")
            return
        self._timer.destroy()
        self._awaits = ""
        self._step, self._unreachable = step, self._driver.unreachable()
        self._publish()
        self.diagnose()
        self.create_timer(WATCH_S, self._watch, clock=self._steady)
        if self.lockstep:
            self._timer = self.create_timer(LOOK_S, self._finish, clock=self._steady, autostart=False)
        else:
            self._timer = self.create_timer(self.tick_s, self._end_of_tick, clock=self._steady)

    def _missing(self) -> str:
        """Who or what is not there yet, among those that the first tick waits for."""
        unreachable = self._awaited - set(self.get_node_names())
        if unreachable:
            return ", ".join(sorted(unreachable))
        if "gate" in self._awaited and self._stopped is None:
            return "the gate to say whether robots may move"
        if self._stopped:
            return "the emergency stop to be reset"
        return "the recorder to see all cameras" if "recorder" in self._awaited and not self._recorded else ""

    def _on_recording(self, message: Bool) -> None:
        self._recorded = message.data

    def _on_stopped(self, message: Bool) -> None:
        """What was to move, and has not begun, holds as well."""
        self._stopped = message.data
        if message.data:
            self._kinds_N[:] = ActionKind.HOLD
            self._driver.stop()

    def _on_gate(self, event: QoSLivelinessChangedInfo) -> None:
        """Nobody may move without the gate: it could not stop them."""
        if event.alive_count_change < 0 and event.alive_count == 0:
            self._driver.stop()

    def _on_action(self, robot: int, message: RobotAction) -> None:
        if message.tick != self._tick or robot in self._heard or self._begun:
            return
        self._heard.add(robot)
        self._kinds_N[robot] = self._obey(robot, message)
        if len(self._heard) == len(self.robots):
            self._begin()
            if self.lockstep:
                self._timer.reset()
                self._finish()

    def _obey(self, robot: int, message: RobotAction) -> ActionKind:
        """Take the action over, or hold where it is none that this robot can do: the robot's own last line of defence."""
        if self._stopped or message.kind not in set(ActionKind):
            return ActionKind.HOLD
        kind = ActionKind(message.kind)
        if kind is ActionKind.MOVE:
            values_A = np.asarray(message.values)
            low_A, high_A = self.robot_contract.action_low_A, self.robot_contract.action_high_A
            if values_A.shape != low_A.shape or not ((values_A >= low_A) & (values_A <= high_A)).all():
                return ActionKind.HOLD
            self._actions_NA[robot] = values_A
        return kind

    def _begin(self) -> None:
        self._begun = True
        self._driver.begin(self._kinds_N, self._actions_NA)

    def _end_of_tick(self) -> None:
        """Real time: robots that were told nothing hold."""
        if self._ticks and self._tick >= self._ticks:
            return
        if not self._begun:
            self._begin()
        self._finish()

    def _finish(self) -> None:
        """Go on to the next tick, if the robots have done what they were told."""
        step, unreachable = self._look()
        if step is None:
            return
        if self.lockstep:
            self._timer.cancel()
        self._step = step
        self._tally.add(step)
        self._tick += 1
        self._pace.ticked(time.monotonic())
        self._begun = False
        self._heard.clear()
        self._kinds_N[:] = ActionKind.HOLD
        changed, self._unreachable = unreachable != self._unreachable, unreachable
        self._publish()
        if changed:
            self.diagnose()

    def _look(self) -> tuple[Step | None, tuple[str, ...]]:
        """What became of the robots; who comes back while we look has not been seen yet, and is unreachable still."""
        before, step, after = self._driver.unreachable(), self._driver.observed(), self._driver.unreachable()
        return step, tuple(was or why for was, why in zip(before, after, strict=True))

    def _watch(self) -> None:
        """Tell as soon as a robot is lost; who comes back is told between two motions."""
        step, unreachable = (None, self._driver.unreachable()) if self._begun or self._resting else self._look()
        changed = [robot for robot, why in enumerate(unreachable) if why != self._unreachable[robot]]
        lost = [robot for robot in changed if unreachable[robot]]
        self._kinds_N[lost] = ActionKind.HOLD
        told = changed if step is not None else lost
        if not told:
            return
        if step is not None:
            self._step = step
        self._unreachable = tuple(
            why if robot in told else self._unreachable[robot] for robot, why in enumerate(unreachable)
        )
        self._publish(told)
        self.diagnose()

    @property
    def _resting(self) -> bool:
        return bool(self._ticks) and self._tick >= self._ticks

    def _publish(self, robots: list[int] | None = None) -> None:
        """Images and observations of the tick; after the last action, and of unreachable robots, only their status."""
        if robots is None:
            robots = list(range(len(self.robots)))
            self._stamp = self.get_clock().now().to_msg()
        present = [] if self._resting else [robot for robot in robots if not self._unreachable[robot]]
        camera = self.robot_contract.observation.camera
        if camera is not None and present:
            self._publish_images(camera, present)
        for robot in robots:
            header = Header(stamp=self._stamp, frame_id=f"{self.robots[robot]}/base_link")
            episode = int(self._tally.episodes_N[robot])
            self._statuses[robot].publish(self._status(robot, header, episode))
            if self._unreachable[robot] and robot not in self._readmit_services:
                called = partial(self._on_readmit, robot)
                self._readmit_services[robot] = self.create_service(Trigger, f"{self.robots[robot]}/readmit", called)
            if robot in present:
                values = self._step.states_NS[robot].tolist()
                self._observations[robot].publish(
                    Observation(header=header, tick=self._tick, episode=episode, values=values)
                )

    def _status(self, robot: int, header: Header, episode: int) -> RobotStatus:
        return RobotStatus(
            header=header,
            tick=self._tick,
            episode=episode,
            violated=bool(self._step.violated_N[robot]),
            succeeded=bool(self._step.succeeded_N[robot]),
            reward=float(self._step.rewards_N[robot]),
            successes=int(self._tally.successes_N[robot]),
            hard_resets=int(self._tally.hard_resets_N[robot]),
            unreachable=self._unreachable[robot],
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
        """Of the robots that somebody looks at, as long as they are there."""
        for robot, publisher in enumerate(self._videos):
            if publisher.get_subscription_count() and not self._driver.unreachable()[robot]:
                header = Header(
                    stamp=self.get_clock().now().to_msg(), frame_id=f"{self.robots[robot]}/camera_optical_frame"
                )
                jpeg = array("B", to_jpeg(self._driver.video(robot)))
                publisher.publish(CompressedImage(header=header, format=FORMAT, data=jpeg))

    def checks(self) -> Sequence[Check]:
        """See `FleetNode.checks`: how time passes, and who is there."""
        ticks = self._pace.check(time.monotonic(), waits_for=self._awaits, resting=self._resting)
        presence = [
            Check("presence", Level.ERROR if why else Level.OK, why or "present", hardware_id=name)
            for name, why in zip(self.robots, self._unreachable, strict=True)
        ]
        return [ticks] if self._awaits else [ticks, *presence]

    def _on_readmit(self, robot: int, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        objection = "emergency stop" if self._stopped else self._driver.readmit(robot)
        response.success, response.message = not objection, objection or "is coming back"
        return response

    def _camera_info(self, camera: ImageStream, header: Header) -> CameraInfo:
        """A pinhole without distortion."""
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
