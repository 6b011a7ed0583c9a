"""What learns the versions of a monitor from the rounds of a run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from fleet_contract.robot import RobotContract
from fleet_learning.attempts import Attempts
from fleet_learning.robot_steps import RobotStep
from fleet_learning.signal_provider import Advance, SignalLearner
from fleet_learning.tensor_file import file_digest
from fleet_monitor.episode import Episode, by_task
from fleet_monitor.monitor import Monitor, MonitorMetadata, read_monitor, write_monitor
from fleet_monitor.round import after_round, ready_tasks
from fleet_monitor.rules import Rules
from fleet_monitor.world_model import require_world_model

MOST_WAITING = 20
"""Episodes of a task that wait for the next round; of more, the newest."""


class MonitorLearner(SignalLearner):
    """Learns with `after_round` from the file of one version to that of the next.

    Everything that a version has learned is in its file. Episodes that have not ended yet, and those of tasks of which a round has
    too few, wait for the next round. A round whose version has been written before an interruption is not learned again.
    """

    def __init__(
        self,
        path: Path,
        about: MonitorMetadata,
        *,
        kinds: Sequence[str],
        contract: RobotContract,
        tasks: Sequence[str],
        rules: Rules,
    ) -> None:
        """Begin with the monitor of a file.

        Args:
            path: the file.
            about: its metadata.
            kinds: its detectors that learn; the others are left out.
            contract: contract of the robots.
            tasks: task of every robot.
            rules: how thresholds are chosen.
        """
        self._path, self._about, self._rules = path, about, rules
        self._kinds, self._contract, self._tasks = tuple(kinds), contract, tuple(tasks)
        self._waiting: list[Episode] = []
        self._attempts = Attempts()

    @override
    def learn(self, steps: Sequence[RobotStep], path: Path, *, seed: int, advance: Advance) -> str:
        monitor, about = read_monitor(self._path, self._contract)
        episodes = [*self._waiting, *self.ended_episodes(steps)]
        ready = ready_tasks(monitor, episodes)
        self._waiting = [
            episode for task, own in by_task(episodes).items() if task not in ready for episode in own[-MOST_WAITING:]
        ]
        if path.exists():
            digest = file_digest(path)
        else:
            learned = after_round(monitor.only(self._kinds), episodes, seed=seed, rules=self._rules, advance=advance)
            digest = self._write(path, learned, about)
        self._path = path
        return digest

    def _write(self, path: Path, learned: Monitor, about: MonitorMetadata) -> str:
        """Write the version that follows the one of these metadata, with its world model beside it, and return its digest."""
        world_model = path.with_name(about.world_model_file)
        if not world_model.exists():
            partial = world_model.with_name(f"{world_model.name}.partial")
            shutil.copyfile(self._path.with_name(about.world_model_file), partial)
            partial.replace(world_model)
        return write_monitor(
            path,
            learned,
            self._contract,
            world_model=about.world_model,
            world_model_file=about.world_model_file,
            rounds=about.rounds + 1,
        )

    def ended_episodes(self, steps: Sequence[RobotStep]) -> list[Episode]:
        """Return the episodes that end with these steps, sorted by robot and time; the others continue with the next steps."""
        return [
            Episode(self._tasks[attempt.robot], attempt.observations_F, attempt.events)
            for attempt in self._attempts.ended(steps)
        ]

    def read(self, path: Path, digest: str) -> Monitor:
        """Return the monitor of a version.

        Raises:
            InputError: the file is damaged, or was made for other robots or with another world model.
        """
        monitor, about = read_monitor(path, self._contract, digest=digest)
        require_world_model(about.world_model, self._about.world_model, owner=str(path))
        monitor.require(self._tasks, str(path))
        return monitor.only(self._kinds)
