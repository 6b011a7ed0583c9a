"""Serves simulated robots on the topics of real ones.

N robots, A action dim.
"""

from __future__ import annotations

from array import array
from functools import partial
from typing import NoReturn

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Observation, RobotAction, RobotStatus
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Bool, Header

from fleet_contract.action import ActionKind
from fleet_contract.images import fill_message
from fleet_contract.jpeg import FORMAT, to_jpeg
from fleet_contract.robot import ImageStream
from fleet_contract.ros import IMAGES, NEWEST, OFFERED, VIDEO, FleetNode, run_process
from sim_bridge.backends import make_environment
from sim_bridge.tally import Tally

READY_CHECK_S = 0.1
COMPLAIN_S = 5.0


class BridgeNode(FleetNode):
    """Publishes what the robots observe, and steps them all when their actions have come (or are due)."""

    def __init__(self) -> None:
        super().__init__("bridge")
        seed = self.setting("seed", 0, "Seed of the simulation.")
        self._ticks = self.setting("ticks", 0, "Ticks after which the robots rest; 0: they never do.")
        self._awaited = {
            name for name in self.setting("await_nodes", [""], "Nodes that the first tick waits for.") if name
        }
        contract, choice, names = self.robot_contract, self.fleet.environment, self.fleet.robot_names
        self._environment = make_environment(choice.backend, choice.task, contract, len(names))
        self._kinds_N = np.full(len(names), ActionKind.HOLD, dtype=np.int64)
        self._actions_NA = np.zeros((len(names), contract.action_dim))
        self._heard: set[int] = set()
        self._tick = 0
        self._tally = Tally(len(names))
        state, camera = contract.observation.state, contract.observation.camera
        self._observations = [self.create_publisher(Observation, f"{name}/{state.topic}", OFFERED) for name in names]
        self._statuses = [
            self.create_publisher(RobotStatus, f"{name}/{contract.success.topic}", OFFERED) for name in names
        ]
        if camera is not None:
            self._images = [self.create_publisher(Image, f"{name}/{camera.topic}", IMAGES) for name in names]
            self._infos = [self.create_publisher(CameraInfo, f"{name}/{camera.info_topic}", IMAGES) for name in names]
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        if contract.operation is not None:
            video = contract.operation.video
            self._videos = [self.create_publisher(CompressedImage, f"{name}/{video.topic}", VIDEO) for name in names]
            self.create_timer(1 / video.rate_hz, self._publish_videos, clock=self._steady)
        for robot, name in enumerate(names):
            heard = partial(self._on_action, robot)
            self.create_subscription(RobotAction, f"{name}/{contract.action.topic}", heard, NEWEST)
        self._step = self._environment.start(seed)
        self._recorded = False
        self.create_subscription(Bool, "fleet/recording", self._on_recording, NEWEST)
        self._waited_s = 0.0
        self._timer = self.create_timer(READY_CHECK_S, self._when_ready, clock=self._steady)

    def close(self) -> None:
        """Free the simulation."""
        self._environment.close()

    def _when_ready(self) -> None:
        missing = self._missing()
        if missing:
            self._waited_s += READY_CHECK_S
            if self._waited_s >= COMPLAIN_S:
                self._waited_s = 0.0
                self.get_logger().info(f"the first tick waits for {missing}")
            return
        self._timer.destroy()
        if not self.lockstep:
            self._timer = self.create_timer(1 / self.robot_contract.rate_hz, self._advance, clock=self._steady)
        self._publish()

    def _missing(self) -> str:
        """Who or what is not there yet, among those that the first tick waits for."""
        absent = self._awaited - set(self.get_node_names())
        if absent:
            return ", ".join(sorted(absent))
        return "the recorder to see all cameras" if "recorder" in self._awaited and not self._recorded else ""

    def _on_recording(self, message: Bool) -> None:
        self._recorded = message.data

    def _on_action(self, robot: int, message: RobotAction) -> None:
        if message.tick != self._tick or robot in self._heard:
            return
        self._heard.add(robot)
        self._kinds_N[robot] = self._obey(robot, message)
        if self.lockstep and len(self._heard) == len(self._kinds_N):
            self._advance()

    def _obey(self, robot: int, message: RobotAction) -> ActionKind:
        """Take the action over, or hold where it is none that this robot can do: the robot's own last line of defence."""
        kind = ActionKind(message.kind)
        if kind is ActionKind.MOVE:
            values_A = np.asarray(message.values)
            low_A, high_A = self.robot_contract.action_low_A, self.robot_contract.action_high_A
            if values_A.shape != low_A.shape or not ((values_A >= low_A) & (values_A <= high_A)).all():
                return ActionKind.HOLD
            self._actions_NA[robot] = values_A
        return kind

    def _advance(self) -> None:
        if self._ticks and self._tick >= self._ticks:
            return
        self._step = self._environment.step(self._kinds_N, self._actions_NA)
        self._tally.add(self._step)
        self._tick += 1
        self._heard.clear()
        self._kinds_N[:] = ActionKind.HOLD
        self._publish()

    def _publish(self) -> None:
        """Images and observations of the tick; after the last action only what became of it."""
        stamp = self.get_clock().now().to_msg()
        resting = bool(self._ticks) and self._tick >= self._ticks
        camera = self.robot_contract.observation.camera
        if camera is not None and not resting:
            self._publish_images(camera, stamp)
        for robot, name in enumerate(self.fleet.robot_names):
            header = Header(stamp=stamp, frame_id=f"{name}/base_link")
            episode = int(self._tally.episodes_N[robot])
            self._statuses[robot].publish(
                RobotStatus(
                    header=header,
                    tick=self._tick,
                    episode=episode,
                    violated=bool(self._step.violated_N[robot]),
                    succeeded=bool(self._step.succeeded_N[robot]),
                    reward=float(self._step.rewards_N[robot]),
                    successes=int(self._tally.successes_N[robot]),
                    hard_resets=int(self._tally.hard_resets_N[robot]),
                    resting=resting,
                )
            )
            if resting:
                continue
            values = self._step.states_NS[robot].tolist()
            self._observations[robot].publish(
                Observation(header=header, tick=self._tick, episode=episode, values=values)
            )

    def _publish_images(self, camera: ImageStream, stamp: Time) -> None:
        pixels_NHWC = self._environment.images()
        for robot, name in enumerate(self.fleet.robot_names):
            header = Header(stamp=stamp, frame_id=f"{name}/camera_optical_frame")
            image = Image(header=header)
            fill_message(image, pixels_NHWC[robot], camera.encoding)
            self._images[robot].publish(image)
            self._infos[robot].publish(self._camera_info(camera, header))

    def _publish_videos(self) -> None:
        """Of the robots that somebody looks at."""
        for robot, publisher in enumerate(self._videos):
            if publisher.get_subscription_count():
                header = Header(
                    stamp=self.get_clock().now().to_msg(),
                    frame_id=f"{self.fleet.robot_names[robot]}/camera_optical_frame",
                )
                jpeg = array("B", to_jpeg(self._environment.video(robot)))
                publisher.publish(CompressedImage(header=header, format=FORMAT, data=jpeg))

    def _camera_info(self, camera: ImageStream, header: Header) -> CameraInfo:
        """A pinhole without distortion."""
        k = self._environment.camera_matrix()
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


def main() -> NoReturn:
    """Run the node."""
    run_process(BridgeNode)
