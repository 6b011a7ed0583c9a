"""The first policy of a fleet: demonstrations, the policy that is trained on them, and its calibrated threshold.

N robots, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fleet_contract.robot import RobotContract
from fleet_contract.signal import UNCERTAINTY
from fleet_learning.checkpoint import Calibration, checkpoint_metadata, write_checkpoint
from fleet_learning.dataset import Dataset, joined
from fleet_learning.full_decider import FULL
from fleet_learning.optimization import OnStep, OptimizerState
from fleet_learning.policy import Fitted, Policy
from fleet_learning.scaling import contract_scaling
from fleet_training.algorithms import Algorithm
from fleet_training.calibration import fixed_calibration, simulated_calibration
from fleet_training.demonstrations import demonstrate, demonstrate_episodes
from fleet_training.learning_setup import LearningSetup
from sim_bridge.backends import tasks_within

OnProgress = Callable[[str, int, int], None]
"""Called with the stage of the work, how much of it is done, and of how much."""


@dataclass(frozen=True)
class TrainedStart:
    """What a fleet begins with."""

    demonstrations: Dataset
    policy: Policy
    loss: float
    """Of the training on the demonstrations."""
    calibrations: tuple[Calibration, ...]
    """Thresholds of the policy, that of the full decider first."""

    @property
    def threshold(self) -> float:
        """Threshold of the full decider, in the unit of the policy's uncertainty."""
        return self.calibrations[0].threshold

    def write(self, checkpoint: Path, demonstrations: Path, contract: RobotContract, command: str) -> None:
        """Write the two files that a fleet begins with; `command` is what made them."""
        self.demonstrations.save(demonstrations)
        about = checkpoint_metadata(
            self.policy, contract, calibrations=self.calibrations, dataset=self.demonstrations, command=command
        )
        write_checkpoint(checkpoint, self.policy, about)


class FirstPolicy:
    """Collects demonstrations, trains on them, and calibrates the uncertainty threshold."""

    def __init__(
        self, setup: LearningSetup, algorithm: Algorithm, seed: int, folder: Path, advance: OnProgress = lambda *_: None
    ) -> None:
        """A training that was interrupted resumes from the file that it has left in `folder`."""
        self._setup = setup
        self._algorithm = algorithm
        self._seed = seed
        self._pretraining = folder / "pretraining.safetensors"
        self._advance = advance

    def start(self, draw: OnStep) -> TrainedStart:
        """Make everything that the fleet starts with; `draw` is called after every gradient step.

        Raises:
            InputError: the folder holds another training.
        """
        demonstrations = self.demonstrations()
        trained = self._pretrained(self.untrained(demonstrations), demonstrations, draw)
        # A checkpoint has no moments, and a fleet of nodes begins with a checkpoint.
        learned = trained.policy
        policy = learned.with_state(learned.tensors(), OptimizerState(learned.optimizer_state.steps))
        return TrainedStart(demonstrations, policy, trained.loss, (self._calibration(policy),))

    def untrained(self, demonstrations: Dataset) -> Policy:
        """The algorithm's policy before its first gradient step."""
        scaling = contract_scaling(self._setup.contract, demonstrations)
        return self._setup.new_policy(self._algorithm, scaling, self._seed)

    def demonstrations(self) -> Dataset:
        """Demonstrations of the scripted supervisors; the same seed gives the same ones."""
        setup, fleet = self._setup, self._setup.fleet
        # Tasks are assigned to robots in turn: every style demonstrates each of them.
        tasks = len(fleet.robots.tasks or tasks_within(fleet.environment.backend, setup.demonstration_task)) or 1
        robots = setup.demonstrated_episodes or tasks * len(fleet.supervisors.styles)
        with closing(setup.make_environment(setup.demonstration_task, robots)) as environment:
            supervisors = [
                setup.make_supervisor(setup.demonstration_task, self._seed, robot // tasks) for robot in range(robots)
            ]
            if setup.demonstrated_episodes:
                episodes = demonstrate_episodes(environment, supervisors, self._seed, fleet.pretraining.observes)
                return joined(episodes)
            return demonstrate(
                environment,
                supervisors,
                fleet.pretraining.pairs,
                self._seed,
                fleet.pretraining.observes,
                fleet.pretraining.demonstration_noise,
            )

    def _pretrained(self, policy: Policy, demonstrations: Dataset, draw: OnStep) -> Fitted[Policy]:
        steps = self._setup.fleet.pretraining.gradient_steps

        def on_step(done: int, measures: Mapping[str, float]) -> None:
            draw(done, measures)
            self._advance("pretraining", done, steps)

        return policy.fit(demonstrations, steps=steps, seed=self._seed, on_step=on_step, resume_path=self._pretraining)

    def _calibration(self, policy: Policy) -> Calibration:
        """Calibrated where uncertainty decides who is helped, unless it is set, and of no consequence elsewhere."""
        fleet = self._setup.fleet
        threshold = fleet.allocation.threshold(UNCERTAINTY)
        if not isinstance(threshold, str):
            return fixed_calibration(fleet, policy, FULL, threshold)
        if UNCERTAINTY not in self._algorithm.order:
            return fixed_calibration(fleet, policy, FULL, 0.0)
        ticks, done = fleet.pretraining.calibration_ticks, 0

        def advance() -> None:
            nonlocal done
            done += 1
            self._advance("calibration", done, ticks)

        return simulated_calibration(self._setup, policy, FULL, seed=self._seed, advance=advance)
