"""Retrains the policy on the demonstrations and the humans' actions, and publishes the new versions."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn

from fleet_interfaces.msg import PolicyVersion
from rclpy.clock import Clock, ClockType
from typing_extensions import override

from fleet_common.fleet_topics import subscribe_to_actions
from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.observations import Observed, subscribe_to_observations
from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.action import RobotAction
from fleet_contract.robot_states import RobotStates
from fleet_contract.topics import ACTIONS_TOPIC, POLICY_VERSION_TOPIC
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import checkpoint_metadata, read_checkpoint
from fleet_learning.curves import curves
from fleet_learning.dataset import Dataset, read_dataset
from fleet_learning.human_pairs import HumanPairs
from fleet_learning.policy import Fitted, Policy
from fleet_learning.policy_store import PolicyStore, StoredVersion
from fleet_learning.threads import limit_threads_for_training
from fleet_learning.trainer_health import TrainerHealth

REPORT_EVERY_S = 2.0
"""Time between two log lines of a training, s."""
LOST_AFTER_S = 10.0
"""Time after the observations of the next tick, s, after which what is missing of a tick is lost: with a gate that was killed, its
last actions are."""
FIRST_TRAINED_VERSION = 2
"""Version 1 is the policy that the run started with; its files are elsewhere."""


class StoppedError(Exception):
    """Ends a training whose node is closed."""


class TrainerNode(FleetNode):
    """Trains at the scheduled ticks on all pairs before them; the fleet waits for the new version only in lockstep.

    The run's folder holds the checkpoint and training set of every version, from which a restarted trainer resumes, and the
    learning curves of all trainings, which TensorBoard shows.
    """

    def __init__(self) -> None:
        super().__init__("trainer")
        self._seed = self.read_only_parameter("seed", 0, "Seed of bootstraps and batches.")
        contract = self.robot_contract
        self._version = 1
        self._store = PolicyStore(self.run_dir / "policies", first_version=FIRST_TRAINED_VERSION)
        self._policy, self._metadata = read_checkpoint(self.fleet.policy.require_checkpoint(), contract)
        limit_threads_for_training(self._policy, lockstep=self.lockstep)
        dims = contract.observed_shape(self._policy.observes), contract.action_dim
        self._dataset = read_dataset(self.fleet.training.demonstrations, *dims)
        self._offline = len(self._dataset)
        self._humans = HumanPairs(self.fleet.robots.count, *dims)
        self._newest_ticks: dict[int, int] = {}
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="training")
        self._health = TrainerHealth(self.fleet.training.gradient_steps)
        self._training: Future[Fitted[Policy]] | None = None
        self._started_s = 0.0
        self._stopping = False
        self._trained = self.create_guard_condition(self._on_trained)
        self._versions = self.create_publisher(PolicyVersion, POLICY_VERSION_TOPIC, TRANSIENT_LOCAL_100)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._patience = self.create_timer(LOST_AFTER_S, self._give_up, clock=steady, autostart=False)
        self._resume()
        subscribe_to_observations(self, self._policy.observes, self._on_update, TRANSIENT_LOCAL_1000)
        subscribe_to_actions(self, ACTIONS_TOPIC, self._on_actions, TRANSIENT_LOCAL_1000)

    @override
    def close(self) -> None:
        """Abort the training that is running, if any."""
        self._stopping = True
        self._threads.shutdown()

    @override
    def checks(self) -> Sequence[Check]:
        pairs = len(self._dataset)
        schedule = self.fleet.training.update_ticks
        human_pairs = pairs - self._offline
        return [self._health.check(version=self._version, pairs=pairs, human_pairs=human_pairs, update_ticks=schedule)]

    def _resume(self) -> None:
        """Resume from the newest version in the run's folder.

        Raises:
            InputError: its files cannot be used.
        """
        stored = self._store.latest()
        if stored is None:
            return
        loaded = self._store.read(stored.version, self.robot_contract)
        if loaded.dataset is None:
            raise InputError(f"{stored.checkpoint}: expected a training set beside the checkpoint, got none.")
        self._version, self._policy = stored.version, loaded.policy
        self._metadata, self._dataset = loaded.metadata, loaded.dataset
        # The previous process may have been interrupted before it published the version.
        self._publish(stored, math.nan, math.nan)

    @property
    def _since(self) -> int:
        """First tick whose pairs are not in the training set yet."""
        return self.fleet.training.update_ticks[self._version - 2] if self._version > 1 else 0

    def _on_update(self, _: Sequence[RobotStates], observed: Sequence[Observed]) -> None:
        for at in observed:
            if at.robot not in self._newest_ticks:
                # A restarted trainer receives fewer of the past images than of the past actions.
                self._humans.begin(at.robot, at.tick)
            self._newest_ticks[at.robot] = at.tick
            self._humans.add_observation(at.tick, at.robot, at.observation)
        self._train_if_due()

    def _on_actions(self, batches: list[dict[str, RobotAction]]) -> None:
        for batch in batches:
            for name, action in batch.items():
                self._humans.add_action(self.robot_index[name], action)
        self._train_if_due()

    def _train_if_due(self) -> None:
        schedule = self.fleet.training.update_ticks
        if self._training or self._version > len(schedule):
            return
        due = schedule[self._version - 1]
        if not self._humans.has_all_of(due - 1):
            # The robots observe a tick when they have received all actions of the one before.
            observed = [self._newest_ticks.get(robot, -1) for robot in range(self.fleet.robots.count)]
            if min(observed) >= due and self._patience.is_canceled():
                self._patience.reset()
            return
        self._patience.cancel()
        dataset = self._dataset + self._humans.between(self._since, due)
        self._started_s = time.monotonic()
        self._health.started()
        self.get_logger().info(f"training version {self._version + 1} on {len(dataset)} pairs")
        self._training = self._threads.submit(self._fit, dataset)
        self._dataset = dataset
        self._training.add_done_callback(lambda _: self._trained.trigger())

    def _give_up(self) -> None:
        self._patience.cancel()
        due = self.fleet.training.update_ticks[self._version - 1]
        self.get_logger().warning(f"trains without what is missing of the ticks before {due}: it is lost")
        self._humans.give_up_before(due)
        self._train_if_due()

    def _fit(self, dataset: Dataset) -> Fitted[Policy]:
        steps = self.fleet.training.gradient_steps
        reported_s = time.monotonic()

        def on_step(done: int, measures: Mapping[str, float]) -> None:
            nonlocal reported_s
            if self._stopping:
                raise StoppedError
            draw(done, measures)
            self._health.stepped(done, measures)
            if time.monotonic() - reported_s > REPORT_EVERY_S:
                reported_s = time.monotonic()
                values = ", ".join(f"{name} {value:.3g}" for name, value in measures.items())
                self.get_logger().info(f"version {self._version + 1}: step {done} of {steps}, {values}")

        with curves(self.run_dir / "curves") as on_step_from:
            draw = on_step_from(self._policy.optimizer_state.steps)
            return self._policy.fit(dataset, steps=steps, seed=self._seed, on_step=on_step)

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
        metadata = checkpoint_metadata(
            trained.policy,
            self.robot_contract,
            calibrations=self._metadata.calibrations,
            dataset=self._dataset,
            command="trainer_node",
        )
        stored = self._store.add(trained.policy, metadata, self._dataset)
        self._version, self._policy, self._metadata = stored.version, trained.policy, metadata
        self._publish(stored, trained.loss, time.monotonic() - self._started_s)
        self._train_if_due()

    def _publish(self, stored: StoredVersion, loss: float, training_s: float) -> None:
        message = PolicyVersion(
            version=stored.version,
            due_tick=self._since,
            path=str(stored.checkpoint),
            digest=stored.digest,
            human_pairs=len(self._dataset) - self._offline,
            gradient_steps=self.fleet.training.gradient_steps,
            loss=loss,
            training_s=training_s,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._versions.publish(message)


def main() -> NoReturn:
    """Run the node."""
    run_process(TrainerNode)
