"""The base of nodes that learn in rounds: at the scheduled ticks, from what the robots did before them."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from typing_extensions import override

from fleet_common.fleet_topics import subscribe_to_actions, subscribe_to_leases
from fleet_common.node import FleetNode
from fleet_common.observations import Observed, subscribe_to_observations
from fleet_common.qos import TRANSIENT_LOCAL_1000
from fleet_contract.action import RobotAction
from fleet_contract.lease_table import LeaseTable
from fleet_contract.robot import Stream
from fleet_contract.robot_states import RobotStates
from fleet_contract.topics import ACTIONS_TOPIC
from fleet_learning.robot_steps import RobotSteps
from fleet_learning.step_join import StepJoin
from fleet_learning.trainer_health import TrainerHealth

REPORT_EVERY_S = 2.0
"""Time between two log lines of a training, s."""
LOST_AFTER_S = 10.0
"""Time after the observations of the next tick, s, after which what is missing of a tick is lost: with a gate that was killed, its
last actions are."""


class StoppedError(Exception):
    """Ends a training whose node is closed."""


class TrainerNodeBase(FleetNode):
    """Trains in a thread when everything before the next scheduled tick has arrived.

    A subclass calls `listen` at the end of its constructor.
    """

    unit = "pairs"
    """What the trainer learns from, for its log."""

    def __init__(self, name: str) -> None:
        """Start with version 1; `name` is that of the node."""
        super().__init__(name)
        self._seed = self.read_only_parameter("seed", 0, "Seed of all training.")
        self._version = 1
        self._newest_ticks: dict[int, int] = {}
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="training")
        self._health = TrainerHealth(self.gradient_steps())
        self._training: Future[Any] | None = None
        self._started_s = self._reported_s = 0.0
        self._stopping = False
        self._trained = self.create_guard_condition(self._on_trained)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._patience = self.create_timer(LOST_AFTER_S, self._give_up, clock=steady, autostart=False)

    def listen(self, observes: Stream, join: StepJoin) -> None:
        """Subscribe to what the robots observe and do.

        Args:
            observes: part of the observation that is needed.
            join: joins what arrives.
        """
        self._join = join
        if isinstance(join, RobotSteps):
            subscribe_to_leases(self, partial(self._on_leases, join), TRANSIENT_LOCAL_1000)
        subscribe_to_observations(self, observes, self._on_update, TRANSIENT_LOCAL_1000)
        subscribe_to_actions(self, ACTIONS_TOPIC, self._on_actions, TRANSIENT_LOCAL_1000)

    def gradient_steps(self) -> int | None:
        """Return the number of steps of one training; None if it is not known before."""
        return None

    @abstractmethod
    def take(self, due: int) -> Any:
        """Return what the next version learns from, of the ticks before `due`."""

    @abstractmethod
    def train(self, content: Any) -> Any:
        """Return what is learned from it. Runs in the thread, and calls `advance` often."""

    @abstractmethod
    def finish(self, trained: Any, training_s: float) -> None:
        """Store and publish what was learned as the version `_version`; the training took `training_s`."""

    def advance(self, done: int, measures: Mapping[str, float]) -> None:
        """Report how far the training is, in the thread.

        Raises:
            StoppedError: the node is closed.
        """
        if self._stopping:
            raise StoppedError
        self._health.stepped(done, measures)
        if time.monotonic() - self._reported_s > REPORT_EVERY_S:
            self._reported_s = time.monotonic()
            values = "".join(f", {name} {value:.3g}" for name, value in measures.items())
            self.get_logger().info(f"version {self._version + 1}: {self._health.step_of(done)}{values}")

    @override
    def close(self) -> None:
        """Abort the training that is running, if any."""
        self._stopping = True
        self._threads.shutdown()

    @property
    def since(self) -> int:
        """Tick at which the newest version was due: the first one that it has not learned from."""
        return self.fleet.training.update_ticks[self._version - 2] if self._version > 1 else 0

    @property
    def is_done(self) -> bool:
        """Whether no more trainings are due, so that nothing needs to be collected."""
        return self._version > len(self.fleet.training.update_ticks)

    def _on_update(self, batches: Sequence[RobotStates], observed: Sequence[Observed]) -> None:
        if self.is_done:
            return
        for states in batches:
            self._join.add_states(states, self.robot_index)
        for at in observed:
            if at.robot not in self._newest_ticks:
                # A restarted trainer receives fewer of the past images than of the past actions.
                self._join.begin(at.robot, at.tick)
            self._newest_ticks[at.robot] = at.tick
            self._join.add_observation(at.tick, at.robot, at.observation)
        self.train_if_due()

    def _on_actions(self, batches: list[dict[str, RobotAction]]) -> None:
        if self.is_done:
            return
        for batch in batches:
            for name, action in batch.items():
                self._join.add_action(self.robot_index[name], action)
        self.train_if_due()

    def _on_leases(self, steps: RobotSteps, tables: Sequence[LeaseTable]) -> None:
        if self.is_done:
            return
        for table in tables:
            steps.add_leases(table, self.robot_index)
        self.train_if_due()

    def train_if_due(self) -> None:
        """Start the next training if it is due, and everything before its tick has arrived."""
        if self._training or self.is_done:
            return
        due = self.fleet.training.update_ticks[self._version - 1]
        if not self._join.has_all_of(due - 1):
            # The robots observe a tick when they have received all actions of the one before.
            observed = [self._newest_ticks.get(robot, -1) for robot in range(self.fleet.robots.count)]
            if min(observed) >= due and self._patience.is_canceled():
                self._patience.reset()
            return
        self._patience.cancel()
        content = self.take(due)
        self._started_s = self._reported_s = time.monotonic()
        self._health.started()
        self.get_logger().info(f"training version {self._version + 1} on {len(content)} {self.unit}")
        self._training = self._threads.submit(self.train, content)
        self._training.add_done_callback(lambda _: self._trained.trigger())

    def _give_up(self) -> None:
        self._patience.cancel()
        due = self.fleet.training.update_ticks[self._version - 1]
        self.get_logger().warning(f"trains without what is missing of the ticks before {due}: it is lost")
        self._join.give_up_before(due)
        self.train_if_due()

    def _on_trained(self) -> None:
        if self._training is None or not self._training.done():
            return
        try:
            trained = self._training.result()
        except Exception as error:
            self._health.failed(str(error) or type(error).__name__)
            self.diagnose()
            raise
        self._training = None
        self._health.ended()
        self._version += 1
        self.finish(trained, time.monotonic() - self._started_s)
        self.train_if_due()
