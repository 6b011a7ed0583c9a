"""A recorded run as a robot driver: its robots do what they did, whatever they are told.

N robots, S state dim, A action dim, H image rows, W image columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fleet_contract.translation import TO_RGB
from robot_driver.orders import checked_actions
from robot_driver.step import Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_bags.recording import Recording
    from fleet_contract.robot import RobotContract

NOT_RECORDED = "was not recorded"


class RecordedDriver:
    """`RobotDriver` of a recording. A robot that was unreachable is unreachable, and so is one whose observation was not recorded."""

    def __init__(self, recording: Recording, now_s: Callable[[], float], speed: float | None = None) -> None:
        """Begin at the recording's first tick.

        Args:
            recording: the run.
            now_s: a steady clock, s.
            speed: how many times as fast as they were recorded ticks follow each other; None: at once.
        """
        self._recording = recording
        self._now_s = now_s
        self._speed = speed
        self._tick = 0
        self._began_s = now_s()
        robots = range(self.robots)
        self._seen: set[tuple[int, int]] | None = None
        if self.contract.observation.camera is not None:
            self._seen = recording.seen()
            shape = self.contract.observed_shape("camera")
            self._pictures_N = [np.zeros(shape, dtype=np.uint8) for _ in robots]
            self._coming: Iterator[tuple[int, int, NDArray[np.uint8]]] = recording.images()
            self._waiting: dict[tuple[int, int], NDArray[np.uint8]] = {}
        self._states_N = [np.zeros(self.contract.state_dim) for _ in robots]
        self._look()

    @property
    def contract(self) -> RobotContract:
        """See `RobotDriver.contract`."""
        return self._recording.metadata.contract

    @property
    def robots(self) -> int:
        """See `RobotDriver.robots`."""
        return len(self._recording.metadata.robots)

    def start(self, seed: int) -> None:
        """What is random has been drawn."""

    def begin(self, kinds_N: NDArray[np.int64], actions_NA: NDArray[np.float64]) -> None:
        """Go on to the next tick; see `RobotDriver.begin`."""
        checked_actions(self.contract, self.robots, kinds_N, actions_NA)
        self._tick += 1
        self._began_s = self._now_s()
        self._look()

    def observed(self) -> Step | None:
        """See `RobotDriver.observed`."""
        if self._speed and self._now_s() < self._began_s + self._lasted_s() / self._speed:
            return None
        statuses = [statuses.get(self._tick) for statuses in self._recording.statuses_N]
        return Step(
            states_NS=np.array(self._states_N),
            rewards_N=np.array([status.reward if status else 0.0 for status in statuses]),
            succeeded_N=np.array([bool(status and status.succeeded) for status in statuses]),
            violated_N=np.array([bool(status and status.violated) for status in statuses]),
            terminated_N=np.array([self._ended(robot) for robot in range(self.robots)]),
            truncated_N=np.zeros(self.robots, dtype=np.bool_),
        )

    def stop(self) -> None:
        """The past cannot be stopped."""

    def unreachable(self) -> tuple[str, ...]:
        """See `RobotDriver.unreachable`."""
        return tuple(map(self._unreachable_reason, range(self.robots)))

    def readmit(self, robot: int) -> str:
        """See `RobotDriver.readmit`."""
        return self._unreachable_reason(robot)

    def images(self) -> NDArray[np.uint8]:
        """See `RobotDriver.images`."""
        if self._seen is None:
            raise RuntimeError("the contract has no camera")
        return np.array(self._pictures_N)

    def video(self, robot: int) -> NDArray[np.uint8]:
        """The robot's recorded image, stretched: video is not recorded."""
        operation, camera = self.contract.operation, self.contract.observation.camera
        if operation is None or camera is None:
            raise RuntimeError("the contract has no operation or no camera")
        size = operation.video.width, operation.video.height
        picture = cv2.resize(self._pictures_N[robot], size, interpolation=cv2.INTER_NEAREST)
        conversion = TO_RGB[camera.encoding]
        return np.asarray(picture if conversion is None else cv2.cvtColor(picture, conversion), dtype=np.uint8)

    def camera_matrix(self) -> NDArray[np.float64]:
        """See `RobotDriver.camera_matrix`."""
        if self._seen is None:
            raise RuntimeError("the contract has no camera")
        return self._recording.camera_matrix()

    def close(self) -> None:
        """Nothing is held."""

    def _look(self) -> None:
        """States and images of the robots that were there; the others keep theirs."""
        present = [robot for robot in range(self.robots) if not self._unreachable_reason(robot)]
        for robot in present:
            observed = self._recording.observed_N[robot].get(self._tick)
            if observed:
                self._states_N[robot] = observed.state_S
        if self._seen is None:
            return
        wanted = {(robot, self._tick) for robot in present} & self._seen
        while not wanted <= self._waiting.keys():
            tick, robot, image = next(self._coming)
            self._waiting[robot, tick] = image
        for robot, tick in wanted:
            self._pictures_N[robot] = self._waiting.pop((robot, tick))
        self._waiting = {place: image for place, image in self._waiting.items() if place[1] > self._tick}

    def _unreachable_reason(self, robot: int) -> str:
        status = self._recording.statuses_N[robot].get(self._tick)
        if status and (status.unreachable or self._tick >= self._recording.ticks):
            return status.unreachable
        observed = self._tick in self._recording.observed_N[robot]
        seen = self._seen is None or (robot, self._tick) in self._seen
        return "" if status and observed and seen else NOT_RECORDED

    def _lasted_s(self) -> float:
        """The step to this tick, when it was recorded."""
        before, now = self._stamp_s(self._tick - 1), self._stamp_s(self._tick)
        return now - before if before and now else 0.0

    def _stamp_s(self, tick: int) -> float:
        """0 where nothing was recorded."""
        stamps = [statuses[tick].stamp for statuses in self._recording.statuses_N if tick in statuses]
        seconds, nanoseconds = max(stamps, default=(0, 0))
        return seconds + nanoseconds / 1e9

    def _ended(self, robot: int) -> bool:
        statuses = self._recording.statuses_N[robot]
        now, before = statuses.get(self._tick), statuses.get(self._tick - 1)
        return bool(now and before and now.episode != before.episode)
