"""Trains what computes signals, such as a monitor, on the rounds of the run, and publishes the new versions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from fleet_interfaces.msg import SignalVersion
from typing_extensions import override

from fleet_common.health import Check
from fleet_common.node import run_process
from fleet_common.qos import TRANSIENT_LOCAL_100
from fleet_contract.topics import SIGNAL_VERSION_TOPIC
from fleet_contract.validation import InputError
from fleet_learning.robot_steps import RobotStep, RobotSteps
from fleet_learning.signal_provider import read_provider
from fleet_learning.tensor_file import file_digest
from fleet_learning.threads import share_threads_for_training
from fleet_learning.trainer_node_base import TrainerNodeBase
from fleet_learning.version_folder import FIRST_TRAINED_VERSION, VersionFolder


class SignalTrainerNode(TrainerNodeBase):
    """Trains at the scheduled ticks on the steps since the version before; the fleet waits for the new version only in lockstep.

    The run's folder holds the file of every version. A restarted trainer resumes from the newest; what the robots have done in the
    round until then is lost to it.
    """

    unit = "steps of robots"

    def __init__(self) -> None:
        super().__init__("signal_trainer")
        index = self.read_only_parameter("index", 0, "Index of the provider in the fleet file's `signals`.")
        self._selection = selection = self.fleet.signals[index]
        share_threads_for_training(lockstep=self.lockstep)
        self._files = VersionFolder(self.run_dir / "signals" / "_".join(selection.names), FIRST_TRAINED_VERSION)
        self._files.folder.mkdir(parents=True, exist_ok=True)
        self._versions = self.create_publisher(SignalVersion, SIGNAL_VERSION_TOPIC, TRANSIENT_LOCAL_100)
        self._content = 0
        if stored := self._files.versions():
            self._version = stored[-1]
            selection = selection.model_copy(update={"checkpoint": self._files.file(self._version)})
        provider = read_provider(selection, self.fleet)
        learner = provider.learner()
        if learner is None:
            raise InputError(f"signals.provider: expected one that can learn, got {selection.provider}.")
        self._learner = learner
        if stored:
            # The previous process may have been interrupted before it published the version.
            self._publish(file_digest(self._files.file(self._version)), math.nan)
        self._robot_steps = RobotSteps(self.fleet.robots.count)
        self.listen(provider.observes, self._robot_steps)

    @override
    def checks(self) -> Sequence[Check]:
        return [self._health.check(self._version, {self.unit: self._content}, self.fleet.training.update_ticks)]

    @override
    def take(self, due: int) -> list[RobotStep]:
        steps = self._robot_steps.take_between(self.since, due)
        self._content = len(steps)
        return steps

    @override
    def train(self, content: list[RobotStep]) -> str:
        version, done = self._version + 1, 0

        def advance(measures: Mapping[str, float]) -> None:
            nonlocal done
            done += 1
            self.advance(done, measures)

        # Rounds with the same seed would imagine with the same noise.
        return self._learner.learn(content, self._files.file(version), seed=self._seed + version, advance=advance)

    @override
    def finish(self, trained: str, training_s: float) -> None:
        self._publish(trained, training_s)

    def _publish(self, digest: str, training_s: float) -> None:
        message = SignalVersion(
            provider=self._selection.provider,
            signals=self._selection.names,
            version=self._version,
            due_tick=self.since,
            path=str(self._files.file(self._version)),
            digest=digest,
            robot_steps=self._content,
            training_s=training_s,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._versions.publish(message)


def main() -> NoReturn:
    """Run the node."""
    run_process(SignalTrainerNode)
