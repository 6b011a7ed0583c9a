"""Replays a recorded run through the robot driver interface: its robots repeat what they did, whatever the actions are.

N robots, S state dim, A action dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
from typing_extensions import override

from fleet_bags.recorded_images import RecordedImages
from fleet_contract.translation import TO_RGB
from robot_driver.action_check import checked_actions
from robot_driver.driver import RobotDriver
from robot_driver.step import Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_bags.recording import Recording
    from fleet_contract.robot import RobotContract

NOT_RECORDED = "was not recorded"


class RecordedDriver(RobotDriver):
    """The robots of a recording.

    A robot is unreachable where it was unreachable, and where its observation or its image was not recorded.
    """

    def __init__(self, recording: Recording, now_s: Callable[[], float], speed: float | None = None) -> None:
        """Begin at the recording's first tick.

        Args:
            recording: the run.
            now_s: a steady clock, s.
            speed: replay speed relative to the recorded ticks; None: as fast as possible.
        """
        self._recording = recording
        self._now_s = now_s
        self._speed = speed
        self._tick = 0
        self._began_s = now_s()
        robots = range(self.robots)
        self._images: RecordedImages | None = None
        if self.contract.observation.camera is not None:
            self._images = RecordedImages(recording)
            shape = self.contract.observed_shape("camera")
            self._latest_images_N = [np.zeros(shape, dtype=np.uint8) for _ in robots]
        self._states_N = [np.zeros(self.contract.state_dim) for _ in robots]
        self._observe()

    @property
    @override
    def contract(self) -> RobotContract:
        return self._recording.metadata.contract

    @property
    @override
    def robots(self) -> int:
        return len(self._recording.metadata.robots)

    @override
    def start(self, seed: int) -> None:
        """Do nothing: everything random was drawn when the run was recorded."""

    @override
    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        checked_actions(self.contract, self.robots, kinds_N, actions_NA)
        self._tick += 1
        self._began_s = self._now_s()
        self._observe()

    @override
    def observed(self) -> Step | None:
        if self._speed and self._now_s() < self._began_s + self._recorded_step_s() / self._speed:
            return None
        statuses = [statuses.get(self._tick) for statuses in self._recording.statuses_N]
        return Step(
            states_NS=np.array(self._states_N),
            rewards_N=np.array([status.reward if status else 0.0 for status in statuses]),
            succeeded_N=np.array([bool(status and status.succeeded) for status in statuses]),
            violated_N=np.array([bool(status and status.violated) for status in statuses]),
            terminated_N=np.array([self._episode_ended(robot) for robot in range(self.robots)]),
            truncated_N=np.zeros(self.robots, dtype=np.bool_),
        )

    @override
    def stop(self) -> None:
        """Do nothing: recorded robots do not move."""

    @override
    def unreachable(self) -> tuple[str, ...]:
        return tuple(map(self._unreachable_reason, range(self.robots)))

    @override
    def readmit(self, robot: int) -> str:
        return self._unreachable_reason(robot)

    @override
    def images(self) -> NDArray[np.uint8]:
        if self._images is None:
            raise RuntimeError("the contract has no camera")
        return np.array(self._latest_images_N)

    @override
    def video(self, robot: int) -> NDArray[np.uint8]:
        """Return the robot's recorded image (H, W, 3), enlarged to the size of the video: video is not recorded."""
        operation, camera = self.contract.operation, self.contract.observation.camera
        if operation is None or camera is None:
            raise RuntimeError("the contract has no operation or no camera")
        size = operation.video.width, operation.video.height
        image = cv2.resize(self._latest_images_N[robot], size, interpolation=cv2.INTER_NEAREST)
        conversion = TO_RGB[camera.encoding]
        return np.asarray(image if conversion is None else cv2.cvtColor(image, conversion), dtype=np.uint8)

    @override
    def camera_matrix(self) -> NDArray[np.float64]:
        if self._images is None:
            raise RuntimeError("the contract has no camera")
        return self._recording.camera_matrix()

    @override
    def close(self) -> None:
        """Do nothing: the driver holds no resources."""

    def _observe(self) -> None:
        """Update states and images of the robots that are reachable; the others keep their last ones."""
        reachable = [robot for robot in range(self.robots) if not self._unreachable_reason(robot)]
        for robot in reachable:
            observed = self._recording.observed_N[robot].get(self._tick)
            if observed:
                self._states_N[robot] = observed.state_S
        if self._images:
            for robot, image in self._images.at(self._tick, reachable).items():
                self._latest_images_N[robot] = image

    def _unreachable_reason(self, robot: int) -> str:
        status = self._recording.statuses_N[robot].get(self._tick)
        if status and (status.unreachable or self._tick >= self._recording.ticks):
            return status.unreachable
        has_observation = self._tick in self._recording.observed_N[robot]
        has_image = self._images is None or self._images.has(robot, self._tick)
        return "" if status and has_observation and has_image else NOT_RECORDED

    def _recorded_step_s(self) -> float:
        """Return the recorded duration of the step to this tick, s; 0 where it is unknown."""
        before, now = self._stamp_s(self._tick - 1), self._stamp_s(self._tick)
        return now - before if before and now else 0.0

    def _stamp_s(self, tick: int) -> float:
        """Return when a tick was observed, s; 0 where nothing was recorded."""
        stamps = [statuses[tick].stamp for statuses in self._recording.statuses_N if tick in statuses]
        seconds, nanoseconds = max(stamps, default=(0, 0))
        return seconds + nanoseconds / 1e9

    def _episode_ended(self, robot: int) -> bool:
        statuses = self._recording.statuses_N[robot]
        now, before = statuses.get(self._tick), statuses.get(self._tick - 1)
        return bool(now and before and now.episode != before.episode)
