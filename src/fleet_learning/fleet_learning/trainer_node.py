"""Retrains the policy on demonstrations and what the humans showed, and publishes the new versions."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import PolicyVersion
from fleet_interfaces.msg import RobotAction as ActionMessage
from numpy.typing import NDArray

from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.observations import subscribe_to_observations
from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.action import action_of
from fleet_learning.checkpoint import checkpoint_metadata, file_digest, read_checkpoint, write_checkpoint
from fleet_learning.curves import curves
from fleet_learning.dataset import Dataset, read_dataset
from fleet_learning.human_pairs import HumanPairs
from fleet_learning.policy import Fitted, Policy
from fleet_learning.trainer_health import TrainerHealth

REPORT_EVERY_S = 2.0


class StoppedError(Exception):
    """The node ends before the training does."""


class TrainerNode(FleetNode):
    """Trains at the ticks of the schedule on everything before them; only in lockstep does the fleet wait for it.

    Checkpoint and training set of every version are kept in the run's folder; a restarted trainer goes on from them. The
    curves of all trainings are there for TensorBoard.
    """

    def __init__(self) -> None:
        super().__init__("trainer")
        self._seed = self.read_only_parameter("seed", 0, "Seed of bootstraps and batches.")
        contract = self.robot_contract
        self._version = 1
        self._policy, self._about = read_checkpoint(self.fleet.policy.require_checkpoint(), contract)
        self._dims = contract.observed_shape(self._policy.observes), contract.action_dim
        self._dataset = read_dataset(self.fleet.training.demonstrations, *self._dims)
        self._offline = len(self._dataset)
        self._humans = HumanPairs(self.fleet.robots.count, *self._dims)
        self._seen: set[int] = set()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="training")
        self._health = TrainerHealth(self.fleet.training.gradient_steps)
        self._training: Future[Fitted[Policy]] | None = None
        self._began = 0.0
        self._stopping = False
        self._trained = self.create_guard_condition(self._on_trained)
        self._versions = self.create_publisher(PolicyVersion, "fleet/policy_version", TRANSIENT_LOCAL_100)
        self._resume()
        subscribe_to_observations(self, self._policy.observes, self._on_observation, TRANSIENT_LOCAL_1000)
        for robot, name in enumerate(self.fleet.robot_names):
            done = partial(self._on_action, robot)
            self.create_subscription(ActionMessage, f"{name}/{contract.action.topic}", done, TRANSIENT_LOCAL_1000)

    def close(self) -> None:
        """Give up a training that is under way."""
        self._stopping = True
        self._threads.shutdown()

    def checks(self) -> Sequence[Check]:
        """See `FleetNode.checks`."""
        pairs = len(self._dataset)
        schedule = self.fleet.training.update_ticks
        return [
            self._health.check(version=self._version, pairs=pairs, shown=pairs - self._offline, update_ticks=schedule)
        ]

    def _files(self, version: int) -> tuple[Path, Path]:
        folder = self.run_dir / "policies"
        return folder / f"version_{version:03d}.safetensors", folder / f"version_{version:03d}_dataset.npz"

    def _resume(self) -> None:
        """Go on from the last version in the run's folder."""
        while self._files(self._version + 1)[0].exists():
            self._version += 1
            checkpoint, dataset = self._files(self._version)
            self._policy, self._about = read_checkpoint(checkpoint, self.robot_contract)
            self._dataset = read_dataset(dataset, *self._dims)
        if self._version > 1:
            # It may have been written and never said.
            self._publish(math.nan, math.nan)

    @property
    def _since(self) -> int:
        """Tick from which on pairs are not in the training set yet."""
        return self.fleet.training.update_ticks[self._version - 2] if self._version > 1 else 0

    def _on_observation(self, robot: int, tick: int, _: Time, observation: NDArray[np.generic]) -> None:
        if robot not in self._seen:
            # A trainer that was started again hears the last images only, and more actions than that.
            self._seen.add(robot)
            self._humans.begin(robot, tick)
        self._humans.add_observation(tick, robot, observation)
        self._train_if_due()

    def _on_action(self, robot: int, message: ActionMessage) -> None:
        self._humans.add_action(robot, action_of(message))
        self._train_if_due()

    def _train_if_due(self) -> None:
        schedule = self.fleet.training.update_ticks
        if self._training or self._version > len(schedule):
            return
        due = schedule[self._version - 1]
        if not self._humans.has_all_of(due - 1):
            return
        dataset = self._dataset + self._humans.between(self._since, due)
        self._began = time.monotonic()
        self._health.began()
        self.get_logger().info(f"training version {self._version + 1} on {len(dataset)} pairs")
        self._training = self._threads.submit(self._fit, dataset)
        self._dataset = dataset
        self._training.add_done_callback(lambda _: self._trained.trigger())

    def _fit(self, dataset: Dataset) -> Fitted[Policy]:
        steps = self.fleet.training.gradient_steps
        said = time.monotonic()

        def on_step(done: int, measures: Mapping[str, float]) -> None:
            nonlocal said
            if self._stopping:
                raise StoppedError
            draw(done, measures)
            self._health.stepped(done, measures)
            if time.monotonic() - said > REPORT_EVERY_S:
                said = time.monotonic()
                told = ", ".join(f"{name} {value:.3g}" for name, value in measures.items())
                self.get_logger().info(f"version {self._version + 1}: step {done} of {steps}, {told}")

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
        about = checkpoint_metadata(
            trained.policy,
            self.robot_contract,
            threshold=self._about.threshold,
            dataset=self._dataset,
            command="trainer_node",
        )
        checkpoint, dataset = self._files(self._version + 1)
        checkpoint.parent.mkdir(exist_ok=True)
        self._dataset.save(dataset)
        write_checkpoint(checkpoint, trained.policy, about)
        self._version += 1
        self._policy, self._about = trained.policy, about
        self._publish(trained.loss, time.monotonic() - self._began)
        self._train_if_due()

    def _publish(self, loss: float, training_s: float) -> None:
        checkpoint, _ = self._files(self._version)
        message = PolicyVersion(
            version=self._version,
            due_tick=self._since,
            path=str(checkpoint),
            digest=file_digest(checkpoint),
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
