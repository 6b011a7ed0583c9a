"""Retrains the policy on the demonstrations and the rounds of the run, and publishes the new versions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from fleet_interfaces.msg import PolicyVersion
from typing_extensions import override

from fleet_common.health import Check
from fleet_common.node import run_process
from fleet_common.qos import TRANSIENT_LOCAL_100
from fleet_contract.topics import POLICY_VERSION_TOPIC
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import checkpoint_metadata, read_checkpoint
from fleet_learning.curves import curves
from fleet_learning.dataset import Dataset, read_dataset
from fleet_learning.policy import Fitted, Policy
from fleet_learning.policy_store import PolicyStore, StoredVersion
from fleet_learning.threads import limit_threads_for_training
from fleet_learning.trainer_node_base import TrainerNodeBase
from fleet_learning.training_set import TrainingSet
from fleet_learning.version_folder import FIRST_TRAINED_VERSION


class TrainerNode(TrainerNodeBase):
    """Trains at the scheduled ticks on the training set until then; the fleet waits for the new version only in lockstep.

    The run's folder holds the checkpoint and training set of every version, from which a restarted trainer resumes, and the
    learning curves of all trainings, which TensorBoard shows.
    """

    def __init__(self) -> None:
        super().__init__("trainer")
        contract = self.robot_contract
        self._store = PolicyStore(self.run_dir / "policies", first_version=FIRST_TRAINED_VERSION)
        self._policy, self._metadata = read_checkpoint(self.fleet.policy.require_checkpoint(), contract)
        limit_threads_for_training(self._policy, lockstep=self.lockstep)
        dims = contract.observed_shape(self._policy.observes), contract.action_dim
        training = self.fleet.training
        demonstrations = read_dataset(training.demonstrations, *dims)
        self._training_set = TrainingSet(demonstrations, self.fleet.robots.count, training.weighting)
        self._versions = self.create_publisher(PolicyVersion, POLICY_VERSION_TOPIC, TRANSIENT_LOCAL_100)
        self._resume()
        self.listen(self._policy.observes, self._training_set.join)

    @override
    def gradient_steps(self) -> int:
        return self.fleet.training.gradient_steps

    @override
    def checks(self) -> Sequence[Check]:
        values = {"pairs": len(self._training_set.pairs), "human pairs": self._training_set.human_pairs}
        return [self._health.check(self._version, values, self.fleet.training.update_ticks)]

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
        self._training_set.resume(loaded.dataset, str(stored.dataset))
        self._version, self._policy, self._metadata = stored.version, loaded.policy, loaded.metadata
        # The previous process may have been interrupted before it published the version.
        self._publish(stored, math.nan, math.nan)

    @override
    def take(self, due: int) -> Dataset:
        self._training_set.add_round(self.since, due)
        return self._training_set.pairs

    @override
    def train(self, content: Dataset) -> Fitted[Policy]:
        with curves(self.run_dir / "curves") as on_step_from:
            draw = on_step_from(self._policy.optimizer_state.steps)

            def on_step(done: int, measures: Mapping[str, float]) -> None:
                draw(done, measures)
                self.advance(done, measures)

            return self._policy.fit(content, steps=self.gradient_steps(), seed=self._seed, on_step=on_step)

    @override
    def finish(self, trained: Fitted[Policy], training_s: float) -> None:
        metadata = checkpoint_metadata(
            trained.policy,
            self.robot_contract,
            calibrations=self._metadata.calibrations,
            dataset=self._training_set.pairs,
            command="trainer_node",
        )
        stored = self._store.add(trained.policy, metadata, self._training_set.pairs)
        self._policy, self._metadata = trained.policy, metadata
        self._publish(stored, trained.loss, training_s)

    def _publish(self, stored: StoredVersion, loss: float, training_s: float) -> None:
        message = PolicyVersion(
            version=stored.version,
            due_tick=self.since,
            path=str(stored.checkpoint),
            digest=stored.digest,
            human_pairs=self._training_set.human_pairs,
            gradient_steps=self.gradient_steps(),
            loss=loss,
            training_s=training_s,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._versions.publish(message)


def main() -> NoReturn:
    """Run the node."""
    run_process(TrainerNode)
